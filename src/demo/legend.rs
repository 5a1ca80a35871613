//! What the words of the demo mean, in a line each.

/// What the words mean, in short, for the live view.
pub(super) const LEGEND: [&str; 4] = [
    "TFT, TFTA     the grid's tokens; FreeTFT is play money, for nodes that are free to use",
    "cu su ipv4u   cloud units, which customers order: compute, storage, public IPv4 addresses",
    "grid2         how payments to a farm are split: 90 % to the farmer, 10 % to the foundation",
    "Horizon       Stellar's HTTP API: the sandbox speaks it, and the service knows the ledger by it",
];
