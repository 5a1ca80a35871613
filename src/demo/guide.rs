//! What the demo says of itself: at the beginning what the words mean, at the end where everything is.

use std::net::SocketAddr;
use std::path::Path;

use super::view::View;

/// What the words mean, with what is about to be seen.
pub(super) fn introduce(view: &View, customers: usize) -> Result<(), std::io::Error> {
    view.text(
        "",
        &format!(
            "Farmgate's demo: a Stellar network of its own (the sandbox), the service, and {customers} \
             customers, all in this process. Customers order capacity of a grid of computers, and pay into \
             an escrow account for each order. What is paid as asked goes on to those who run the \
             computers; what is not goes back. At the end the ledger shows whether everybody has what they \
             should have."
        ),
    )?;
    view.line("")?;
    let meanings = [
        (
            "TFT",
            "the grid's token, in which its farmers are paid. TFTA is another one; FreeTFT is play money, \
             for nodes that are free to use. XLM is Stellar's own coin.",
        ),
        (
            "cu su ipv4u",
            "cloud units, which customers order: compute (memory and cores), storage, and public IPv4 \
             addresses, for a time.",
        ),
        (
            "grid2",
            "how payments to a farm are split: 90 % to the farmer, 10 % to the foundation. By grid3 the \
             farmer and the foundation get 10 % each, 40 % go to the wisdom account, and 40 % are burned.",
        ),
        ("Horizon", "Stellar's HTTP API. The sandbox speaks it, and the service knows the ledger by it."),
    ];
    for (word, meaning) in meanings {
        view.text(&format!("  {word:<12} "), meaning)?;
    }
    view.line("")
}

/// Where everything is while it runs on.
pub(super) struct Places<'a> {
    pub(super) service: SocketAddr,
    pub(super) sandbox: String,
    pub(super) explorer_key: &'a str,
    pub(super) folder: &'a Path,
}

/// What was seen, where everything is, and how to stop it.
pub(super) fn end(view: &View, places: &Places<'_>) -> Result<(), std::io::Error> {
    view.line("")?;
    view.text(
        "",
        "You saw orders over the HTTP API, payments into escrow accounts, settlements to farmers and \
         returns to payers, and at the end the sandbox's ledger beside what was due and beside the \
         service's journal. Scroll up for each customer's story. All of it runs on:",
    )?;
    view.line("")?;
    let Places { service, sandbox, explorer_key, folder } = places;
    let folder = folder.display();
    for (what, text) in [
        ("API", format!("http://{service}/docs has its documentation, and tries calls")),
        ("API key", (*explorer_key).to_owned()),
        ("", "of the role explorer: paste it at \"Authorize\", or send it as".to_owned()),
        ("", "Authorization: Bearer …".to_owned()),
        ("sandbox", format!("{sandbox}/ has its status page, for a browser")),
        ("stop", format!("Ctrl-C. That removes {folder}, with the database; nothing else was written.")),
    ] {
        view.text(&format!("  {what:<8}  "), &text)?;
    }
    Ok(())
}
