"""The two doors of the CAP source that look for warnings themselves: a folder and a polled address."""
