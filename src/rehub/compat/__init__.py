"""rehub in place of tensorflow_hub, for programs and packages that import that."""
