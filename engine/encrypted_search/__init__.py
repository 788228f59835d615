"""Search encrypted pictures directly, as paper B does: networks that read what encryption leaves."""
