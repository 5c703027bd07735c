"""One error tree, and one table from an error to its HTTP status, severity and operator message in both languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

Severity = Literal["info", "warning", "error", "critical"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one field of one record was refused.

    `code` is stable and machine-readable (``out_of_area``, ``bad_number`` ...); `zh`/`en` are what an operator reads.
    """

    field: str
    code: str
    zh: str
    en: str
    value: str = ""

    def as_dict(self) -> dict[str, str]:
        """Half a surrogate pair, which may be what is wrong, can be neither sent nor stored: it becomes a `?`."""
        said = {"field": self.field, "code": self.code, "zh": self.zh, "en": self.en, "value": self.value}
        return {k: v.encode("utf-8", "replace").decode() for k, v in said.items()}


@dataclass
class IocError(Exception):
    """Root of every error the product raises on purpose. `detail` completes the class's operator message."""

    detail: str = ""
    detail_en: str = ""
    context: Mapping[str, Any] = field(default_factory=dict[str, Any])

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    severity: ClassVar[Severity] = "error"
    zh: ClassVar[str] = "内部错误"
    en: ClassVar[str] = "Internal error"

    def message(self, lang: str = "zh") -> str:
        head = self.en if lang == "en" else self.zh
        tail = (self.detail_en or self.detail) if lang == "en" else self.detail
        return f"{head}: {tail}" if tail and lang == "en" else f"{head}：{tail}" if tail else head

    def __str__(self) -> str:
        return f"{self.message('zh')} / {self.message('en')}"

    def as_dict(self) -> dict[str, Any]:
        return {"error": self.code, "zh": self.message("zh"), "en": self.message("en")}


class ConfigError(IocError):
    code, status, severity, zh, en = "config", 500, "critical", "配置有误", "Bad configuration"


class NoPdf(IocError):
    """This machine lacks the libraries a PDF is drawn with."""

    code, status, severity, zh, en = "no_pdf", 503, "error", "不能生成 PDF", "No PDF can be made"


class DeclarationError(IocError):
    """A layer, source, indicator or pack file is wrong. Names the file at fault."""

    code, status, severity, zh, en = "declaration", 500, "critical", "声明文件有误", "Bad declaration"


class NotSignedIn(IocError):
    code, status, severity, zh, en = "not_signed_in", 401, "info", "请先登录", "Sign in first"


class BadPassword(NotSignedIn):
    """Wrong login or password. `context["remaining"]`: tries left before the account is locked."""

    code, status, severity, zh, en = "bad_password", 401, "info", "账号或口令不对", "Wrong login or password"


class Locked(IocError):
    """Too many wrong passwords. `context["until"]`: ISO time at which it unlocks by itself."""

    code, status, severity, zh, en = "locked", 423, "warning", "账号已锁定", "Account locked"


class Forbidden(IocError):
    code, status, severity, zh, en = "forbidden", 403, "warning", "没有权限", "Not permitted"


class NotFound(IocError):
    """Also raised for what exists outside the asker's scope: the answer must not reveal that it exists."""

    code, status, severity, zh, en = "not_found", 404, "info", "没有找到", "Not found"


class Conflict(IocError):
    code, status, severity, zh, en = "conflict", 409, "info", "与现有数据冲突", "Conflicts with existing data"


class TooLarge(IocError):
    code, status, severity, zh, en = "too_large", 413, "info", "内容过大", "Too large"


@dataclass
class Invalid(IocError):
    """Bad input. Carries every reason, never only the first."""

    reasons: Sequence[Reason] = ()

    code: ClassVar[str] = "invalid"
    status: ClassVar[int] = 422
    severity: ClassVar[Severity] = "info"
    zh: ClassVar[str] = "输入有误"
    en: ClassVar[str] = "Invalid input"

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "reasons": [r.as_dict() for r in self.reasons]}

    def __str__(self) -> str:
        listed = "; ".join(f"{r.field}: {r.zh} / {r.en}" for r in self.reasons)
        return f"{super().__str__()} [{listed}]" if listed else super().__str__()


class TooMany(IocError):
    code, status, severity, zh, en = "too_many", 429, "warning", "请求过于频繁", "Too many requests"


class PastLocked(IocError):
    """Something was to be done from a screen that shows the past."""

    code, status, severity, zh, en = "past_locked", 423, "info", "回溯中操作已锁定", "Locked while looking back"


class StoreUnavailable(IocError):
    code, status, severity, zh, en = "store_unavailable", 503, "critical", "数据库不可用", "Database unavailable"


class DiskBudget(IocError):
    """The disk budget is spent: observations are refused first, events last."""

    code, status, severity, zh, en = "disk_budget", 507, "critical", "磁盘空间不足", "Disk budget spent"


class SourceFault(IocError):
    """An outside source did not answer or spoke nonsense."""

    code, status, severity, zh, en = "source_fault", 502, "error", "数据源无响应", "Source not responding"
