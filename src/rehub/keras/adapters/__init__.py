"""`KerasLayer` for each Keras: a base class that knows no Keras, and a subclass for Keras 2 and for Keras 3.

`rehub.keras.layer_class` imports the one that is needed, and combines it with the `Layer` class of the Keras in use.
"""
