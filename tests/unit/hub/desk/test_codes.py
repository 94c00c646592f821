"""exchange.hub.desk.codes: what purposes and categories are called."""

from dataclasses import replace

from exchange.hub.desk.codes import Codes
from exchange.vocabulary import Vocabulary, shipped

OWN = "women-b/shelter-place"


def own() -> Vocabulary:
    known = shipped()
    place = replace(
        known.purposes["housing-loss"], labels={"de": "Schutzplatz", "en": "Place of shelter"}
    )
    stolen = replace(place, labels={"de": "Anderes", "en": "Something else"})
    letter = replace(
        known.categories["rent-arrears-letter"], labels={"de": "Eigene Art", "en": "Own kind"}
    )
    return Vocabulary(
        purposes={OWN: place, "housing-loss": stolen}, categories={"women-b/letter": letter}
    )


def test_own_codes_of_agreements_are_called_by_their_names_and_can_be_chosen() -> None:
    codes = Codes("de", [own()])

    assert (codes.purpose(OWN), codes.category("women-b/letter")) == ("Schutzplatz", "Eigene Art")
    assert (OWN, "Schutzplatz") in codes.purposes()
    assert ("women-b/letter", "Own kind") in Codes("en", [own()]).categories()
    assert Codes("de").purpose(OWN) == OWN, "nobody has said what it is called"


def test_no_agreement_changes_what_a_shipped_code_is_called() -> None:
    plain = Codes("de")

    assert Codes("de", [own()]).purpose("housing-loss") == plain.purpose("housing-loss")
    assert len(Codes("de", [own(), own()]).purposes()) == len(plain.purposes()) + 1
