"""Where a network is played: a hub and its agencies' gateways, made from the folder's files."""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from exchange.cli import demo_setting
from exchange.cli.demo_report import must
from exchange.cli.demo_scene import (
    CASETOOL_KEY,
    MAIL_CERTIFICATE,
    MAIL_HOST,
    MAIL_LOGIN,
    MAIL_USER,
    Scene,
    together,
)
from exchange.cli.network_plan import Network
from exchange.errors import Misconfigured


@dataclass
class Stage:
    """What the steps of a network share."""

    scene: Scene
    network: Network
    schemas: str = ""
    """Folder of schemas that a plugin needs: as the environment names it, or stand-ins."""
    casetool_port: int = 0
    """Where the case tool listens, where there is one."""
    consents: dict[str, str] = field(default_factory=dict)
    """Id of each recorded consent, by its name in the story."""
    sent: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Ids of the disclosures of each sending, in the order of its recipients."""
    asked: dict[str, str] = field(default_factory=dict)
    """Id of each request."""
    mails: int = 0
    """Mails seen so far."""

    def filled(self, name: str, **more: str) -> str:
        """Return the text of a file of the network with its words in braces filled in."""
        text = (self.network.folder / name).read_text(encoding="utf-8")
        for word, value in {**self._words(), **more}.items():
            text = text.replace("{" + word + "}", value)
        return text

    def has(self, name: str) -> bool:
        """Tell whether the network has such a file."""
        return (self.network.folder / name).is_file()

    def _words(self) -> dict[str, str]:
        today = datetime.now(UTC).date()  # noqa: TID251 -- a command owns the clock
        yesterday = today - timedelta(days=1)
        return {
            "today": yesterday.isoformat(),
            "year": str(yesterday.year),
            "folder": str(self.scene.folder),
            "schemas": self.schemas,
            "casetool_port": str(self.casetool_port),
            "casetool_key": str(self.scene.casetool / CASETOOL_KEY),
            "mail_host": MAIL_HOST,
            "mail_port": str(self.scene.mail_port),
            "mail_user": MAIL_USER,
            "mail_login": str(self.scene.mails / MAIL_LOGIN),
            "mail_certificate": str(self.scene.mails / MAIL_CERTIFICATE),
        }


def set_stage(scene: Scene, network: Network) -> Stage:
    """Start the hub, make every gateway, and let all of them know each other and agree.

    Raises:
        Misconfigured: a plugin of the network needs a folder of schemas that nobody has named.
    """
    stage = Stage(scene, network, schemas=_schemas(network))
    ids = [agency.id for agency in network.agencies]
    with scene.report.step(f"A hub, a mail server and {len(ids)} gateways are set up") as notes:
        if network.needs and not os.environ.get(network.needs):
            notes.add(
                f"{network.needs} is not set: schemas of the project's own tests stand in for the "
                "official ones, which are not redistributed here"
            )
        demo_setting.start_mail(scene)
        if network.casetool:
            stage.casetool_port = demo_setting.start_casetool(scene)
        demo_setting.make_hub(scene)
        together(
            *(
                lambda one=one: demo_setting.make_gateway(scene, one.id, intake=one.intake)
                for one in network.agencies
            )
        )
        for one in ids:
            if stage.has(f"gateway-{one}.toml"):
                demo_setting.append(
                    scene.home(one) / "gateway.toml", stage.filled(f"gateway-{one}.toml")
                )
        demo_setting.append(scene.hub / "hub.toml", stage.filled("hub.toml"))
        demo_setting.serve_hub(scene)
    with scene.report.step("All are admitted, and have compared and pinned each other") as notes:
        for agency in network.agencies:
            demo_setting.admit(scene, agency.id, agency.reach)
        together(*(lambda one=one: _meet_all(scene, one, ids) for one in ids))
        notes.add(", ".join(ids))
    with scene.report.step("The agreement is proposed, and signed by all: in force"):
        _agree(stage, ids)
    return stage


def _schemas(network: Network) -> str:
    if not network.needs:
        return ""
    named = os.environ.get(network.needs, "")
    folder = Path(named) if named else network.stand_in
    if folder is None or not folder.is_dir():
        raise Misconfigured(
            f"this network needs schemas that are not redistributed here: set {network.needs} to "
            f"their folder; {network.folder / 'README.md'} says where they come from"
        )
    return str(folder.absolute())


def _meet_all(scene: Scene, agency: str, ids: list[str]) -> None:
    for partner in ids:
        if partner != agency:
            demo_setting.pin(scene, agency, partner)
    scene.act(agency, "gateway", "fetch")


def _agree(stage: Stage, ids: list[str]) -> None:
    scene = stage.scene
    drafts = scene.folder / "drafts"
    drafts.mkdir(exist_ok=True)
    draft = drafts / "agreement.toml"
    draft.write_text(stage.filled("agreement.toml", id=demo_setting.AGREEMENT_ID), encoding="utf-8")
    scene.act(ids[0], "agreement", "propose", str(draft))
    shown = ""
    for partner in ids[1:]:
        shown = scene.act(partner, "agreement", "sign", demo_setting.AGREEMENT_ID, "--yes")
    must("in force" in shown, "the agreement is not in force after all have signed")
