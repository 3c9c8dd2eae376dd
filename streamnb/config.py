"""Every setting: its name, default, unit and meaning."""
