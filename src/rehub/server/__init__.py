"""`rehub serve`: a service that `hub.load` and `tensorflow_hub` load models from, with pages for people.

It speaks TensorFlow Hub's hosting protocol (https://www.tensorflow.org/hub/hosting). The library never imports this
package: it is the extra `rehub[serve]`, for Python 3.10 and newer.
"""
