"""What other packages take from submodules of tensorflow_hub and rehub has in no other place, one file a submodule.

`rehub.as_tensorflow_hub` hands it out under the submodules' names. Nothing in rehub uses it.
"""
