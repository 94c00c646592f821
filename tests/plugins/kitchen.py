"""Environments with plugins of a test in them, installed as real distributions.

An intake worker sees installed distributions only (`python -I`), so a test's plugin needs an
environment: a bare one of a few files, which looks for everything else in the one that runs us.
"""

import sys
import sysconfig
from pathlib import Path


def install(site: Path, name: str, group: str, module: str, *, distribution: str = "") -> None:
    """Install a distribution that offers the entry point `name`, in a folder of packages.

    Args:
        site: folder of packages.
        name: of the entry point.
        group: of the entry point.
        module: what it points to.
        distribution: empty means `exchange-plugin-<name>`.
    """
    distribution = distribution or f"exchange-plugin-{name}"
    info = site / f"{distribution.replace('-', '_')}-1.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1\n")
    with (info / "entry_points.txt").open("a") as points:
        points.write(f"[{group}]\n{name} = {module}\n")


def environment(folder: Path) -> tuple[Path, Path]:
    """Make an environment and return its interpreter and its folder of packages."""
    base = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    ours = sysconfig.get_path("purelib")
    site = folder / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    site.mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(base)
    said = f"home = {base.parent}\ninclude-system-site-packages = false\n"
    (folder / "pyvenv.cfg").write_text(said)
    (site / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
    return folder / "bin" / "python", site
