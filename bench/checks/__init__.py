"""Whether plugins and this machine keep what they promise: conformance, doctor, replay and its references."""
