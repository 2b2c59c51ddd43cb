"""From TF1 to TF2: models by `hub.convert`, programs by `rehub migrate`."""
