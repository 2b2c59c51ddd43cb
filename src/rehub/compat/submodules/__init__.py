"""Names that packages import from submodules of tensorflow_hub, and rehub does not use: one file a submodule."""
