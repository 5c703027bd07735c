"""How the document of an after-action report looks, on paper and in the page. Chinese by Noto CJK (set-up)."""

from __future__ import annotations

FONTS = "'Noto Sans CJK SC', 'Noto Sans SC', 'Source Han Sans SC', sans-serif"
STYLE = """
@page { size: A4; margin: 18mm 15mm 16mm; @bottom-center { content: counter(page) " / " counter(pages);
  font: 8pt FONTS; color: #55626E; } }
* { box-sizing: border-box; }
html, :host { --ink: #161C22; --ink2: #55626E; --line: #D3DAE0; --red: #B3202A; }
body { margin: 0; }
.paper { font: 9.5pt/1.55 FONTS; color: #161C22; background: #FFFFFF; font-variant-numeric: tabular-nums; }
.paper header { border-bottom: 2.5pt solid #161C22; padding-bottom: 6pt; margin-bottom: 12pt; }
.paper .org { margin: 0; color: #55626E; font-size: 9pt; }
.paper h1 { margin: 2pt 0 0; font-size: 21pt; line-height: 1.3; font-weight: 700; }
.paper .sub { margin: 2pt 0 6pt; font-size: 12pt; color: #55626E; }
.paper .meta { margin: 0; color: #55626E; font-size: 8.5pt; }
.paper .meta span { margin-right: 8pt; }
.paper .state { border: 1pt solid #161C22; color: #161C22; padding: 0.5pt 6pt; }
.paper .flag { background: #B3202A; color: #FFFFFF; padding: 1pt 6pt; font-weight: 700; }
.paper .key-figures { display: flex; margin: 0 0 14pt; border-bottom: 0.75pt solid #D3DAE0; padding-bottom: 7pt; }
.paper .key-figures div { flex: 1 1 0; padding: 0 8pt; border-left: 0.75pt solid #D3DAE0; }
.paper .key-figures div:first-child { padding-left: 0; border-left: 0; }
.paper .key-figures span, .paper .key-figures i { display: block; font-size: 8pt; color: #55626E; font-style: normal;
  line-height: 1.4; }
.paper .key-figures b { display: block; font-size: 11pt; line-height: 1.4; white-space: nowrap; }
.paper .key-figures i.bad { color: #B3202A; }
.paper .s-losses table { break-inside: avoid; }
.paper section { margin: 0 0 14pt; }
.paper h2 { font-size: 12.5pt; margin: 0 0 5pt; padding-bottom: 2pt; border-bottom: 0.75pt solid #161C22;
  break-after: avoid; }
.paper h2 span { display: inline-block; min-width: 18pt; color: #55626E; font-weight: 400; }
.paper h3 { font-size: 10pt; margin: 8pt 0 2pt; break-after: avoid; }
.paper h3 small { display: inline; margin-left: 8pt; }
.paper p { margin: 0 0 4pt; }
.paper small { display: block; color: #55626E; font-size: 8pt; font-weight: 400; line-height: 1.4; }
.paper .note, .paper .none { color: #55626E; font-size: 8.5pt; }
.paper .bad { color: #B3202A; }
.paper ul { margin: 0 0 6pt; padding-left: 14pt; }
.paper table { width: 100%; border-collapse: collapse; margin: 0 0 6pt; }
.paper thead { display: table-header-group; }
.paper tr { break-inside: avoid; }
.paper th { text-align: left; font-weight: 400; font-size: 8pt; color: #55626E;
  border-bottom: 0.75pt solid #55626E; padding: 2pt 6pt 2pt 0; white-space: nowrap; }
.paper td { vertical-align: top; border-bottom: 0.5pt solid #D3DAE0; padding: 2.5pt 6pt 2.5pt 0;
  overflow-wrap: anywhere; }
.paper .facts td:first-child { width: 62pt; color: #55626E; white-space: nowrap; }
.paper .facts td:first-child b { font-weight: 400; }
.paper .times td:nth-child(n+2), .paper .log td:nth-child(2), .paper .told td:nth-child(n+3) { white-space: nowrap; }
.paper .told td { font-size: 8.5pt; padding-top: 1.5pt; padding-bottom: 1.5pt; }
.paper .told td:nth-child(n+3) { width: 62pt; }
.paper .s-maps .note, .paper .legend { break-after: avoid; }
.paper .log td:nth-child(1) { width: 26pt; color: #55626E; }
.paper .s-levels .log td:nth-child(1) { width: 68pt; color: #161C22; white-space: nowrap; }
.paper .log td:nth-child(2) { width: 74pt; }
.paper .log td:nth-child(3) { width: 88pt; }
.paper .s-levels .log td:nth-child(3) { width: auto; }
.paper .s-levels .log td:nth-child(2) { width: 62pt; }
.paper .orders td { font-size: 8.5pt; }
.paper .orders td:nth-child(n+4) { white-space: nowrap; }
.paper .plan td:nth-child(n+4) { white-space: nowrap; }
.paper .compare td { font-size: 8.5pt; }
.paper .old { text-decoration: line-through; color: #55626E; }
.paper .tag { border: 0.5pt solid #55626E; padding: 0 3pt; font-size: 7.5pt; }
.paper figure { margin: 0 0 10pt; break-inside: avoid; }
.paper figure svg { display: block; width: 100%; height: auto; }
.paper figcaption { font-size: 8.5pt; color: #55626E; padding-top: 2pt; }
.paper .legend { font-size: 8.5pt; color: #55626E; }
.paper .legend span { display: inline-block; margin-right: 10pt; white-space: nowrap; }
.paper .legend svg { width: 13pt; height: 13pt; vertical-align: -2.5pt; margin-right: 3pt; }
.paper footer { border-top: 0.75pt solid #161C22; padding-top: 5pt; font-size: 8pt; color: #55626E;
  overflow-wrap: anywhere; }
.paper footer p { margin: 0; }
@media screen { .paper { max-width: 980px; margin: 0 auto; padding: 40px 48px; font-size: 14px;
  } .paper small, .paper th, .paper .note { font-size: 12px; } }
""".replace("FONTS", FONTS)  # fmt: skip
