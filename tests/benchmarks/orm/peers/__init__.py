"""The peers, one a file; all offer what `peers.peer.Peer` says."""
