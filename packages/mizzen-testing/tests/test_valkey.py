def test_url(valkey_url: str) -> None:
    assert valkey_url.startswith("redis://127.0.0.1:")
    assert valkey_url.endswith("/0")
