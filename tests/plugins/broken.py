"""A plugin that raises on import."""

raise RuntimeError("this plugin is broken")


class Broken:
    name = "broken"
    task = "unpaired_translation"
