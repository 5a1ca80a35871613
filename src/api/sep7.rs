use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::money::Stroops;
use crate::domain::payment::Memo;

/// Everything but RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The SEP-7 URI that makes a wallet offer this payment.
///
/// `network_passphrase` is left out on the public network, as SEP-7 asks for. Text memos only; others
/// are left out.
pub fn pay_uri(
    destination: AccountId,
    asset: Asset,
    amount: Stroops,
    memo: &Memo,
    network_passphrase: Option<&str>,
) -> String {
    let mut uri = format!("web+stellar:pay?destination={destination}&amount={amount}");
    if let Asset::Credit { code, issuer } = asset {
        uri.push_str(&format!("&asset_code={code}&asset_issuer={issuer}"));
    }
    if let Memo::Text(text) = memo {
        uri.push_str(&format!("&memo={}&memo_type=MEMO_TEXT", utf8_percent_encode(text, ENCODED)));
    }
    if let Some(passphrase) = network_passphrase {
        uri.push_str(&format!("&network_passphrase={}", utf8_percent_encode(passphrase, ENCODED)));
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "GBOVQKJYHXRR3DX6NOX2RRYFRCUMSADGDESTDNBDS6CDVLGVESRTAC47";

    fn uri(asset: &str, memo: &Memo, passphrase: Option<&str>) -> String {
        pay_uri(ACCOUNT.parse().unwrap(), asset.parse().unwrap(), "12.5".parse().unwrap(), memo, passphrase)
    }

    #[test]
    fn a_credit_names_code_and_issuer_and_xlm_neither() {
        assert_eq!(
            uri(&format!("TFT:{ACCOUNT}"), &Memo::Text("p-41".to_owned()), None),
            format!(
                "web+stellar:pay?destination={ACCOUNT}&amount=12.5&asset_code=TFT&asset_issuer={ACCOUNT}\
                 &memo=p-41&memo_type=MEMO_TEXT"
            )
        );
        assert_eq!(
            uri("native", &Memo::None, None),
            format!("web+stellar:pay?destination={ACCOUNT}&amount=12.5")
        );
    }

    #[test]
    fn text_survives_as_one_parameter() {
        let tricky = Memo::Text("a&b=c é+".to_owned());
        let uri = uri("native", &tricky, Some("Test SDF Network ; September 2015"));
        let (_, query) = uri.split_once('?').unwrap();
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        assert!(pairs.contains(&("memo".to_owned(), "a&b=c é+".to_owned())));
        assert!(
            pairs
                .contains(&("network_passphrase".to_owned(), "Test SDF Network ; September 2015".to_owned()))
        );
        assert!(uri.contains("Test%20SDF%20Network%20%3B%20September%202015"));
    }
}
