from bench.report.anchors import Anchors


def test_names_are_readable_and_stay():
    anchors = Anchors()
    assert (
        anchors.of("cell", "main-smoke", "InfoNCE + SRC", "Horse→Zebra FID")
        == "cell--main-smoke--infonce-src--horse-zebra-fid"
    )
    assert (
        anchors.of("cell", "main-smoke", "InfoNCE + SRC", "Horse→Zebra FID")
        == "cell--main-smoke--infonce-src--horse-zebra-fid"
    )


def test_two_things_never_share_a_name():
    anchors = Anchors()
    names = {anchors.of("cell", row) for row in ("SRC+hDCE", "SRC hDCE", "SRC-hDCE", "→", "≈")}
    assert len(names) == 5
