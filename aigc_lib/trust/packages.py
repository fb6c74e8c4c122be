"""Packages that a lesson can do without."""

import importlib


def installed(package: str, install: str = "") -> bool:
    """Can it be imported? If not, say in one Chinese line what is left out and how to get it. install: its name on PyPI."""
    try:
        importlib.import_module(package)
    except ImportError:
        print(f"没有 {package}：用到它的几步跳过，其余照跑。要装：pip install {install or package}")
        return False
    return True
