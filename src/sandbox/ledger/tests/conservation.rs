//! Money is neither made nor lost, whatever people try.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::sandbox::network::TOTAL_COINS_STROOPS;
use crate::sandbox::story::*;

const PEOPLE: [&str; 4] = ["alice", "bob", "carol", "issuer"];

#[derive(Debug, Clone)]
enum Deed {
    Pay { from: usize, to: usize, gold: bool, amount: i64 },
    Trust { who: usize, limit: i64 },
    Create { by: usize, who: usize, amount: i64 },
    Sponsor { by: usize, who: usize },
    Merge { who: usize, into: usize },
    Close,
}

fn deeds() -> impl Strategy<Value = Deed> {
    let who = || 0..PEOPLE.len();
    prop_oneof![
        4 => (who(), who(), any::<bool>(), 0..20_000 * UNIT)
            .prop_map(|(from, to, gold, amount)| Deed::Pay { from, to, gold, amount }),
        2 => (who(), prop_oneof![Just(0), Just(i64::MAX), 0..1_000 * UNIT])
            .prop_map(|(who, limit)| Deed::Trust { who, limit }),
        1 => (who(), who(), 0..5_000 * UNIT).prop_map(|(by, who, amount)| Deed::Create { by, who, amount }),
        1 => (who(), who()).prop_map(|(by, who)| Deed::Sponsor { by, who }),
        1 => (who(), who()).prop_map(|(who, into)| Deed::Merge { who, into }),
        3 => Just(Deed::Close),
    ]
}

fn written(deed: &Deed) -> Option<Draft> {
    let gold = issued("GOLD", "issuer");
    Some(match *deed {
        Deed::Pay { from, to, gold: is_gold, amount } => {
            let asset = if is_gold { gold } else { Asset::Native };
            draft(PEOPLE[from], [pay(PEOPLE[to], asset, amount)])
        }
        Deed::Trust { who, limit } => draft(PEOPLE[who], [trust(gold, limit)]),
        Deed::Create { by, who, amount } => draft(PEOPLE[by], [create(PEOPLE[who], amount)]),
        Deed::Sponsor { by, who } => draft(PEOPLE[by], [begin(PEOPLE[who])])
            .by(PEOPLE[who], trust(gold, i64::MAX))
            .by(PEOPLE[who], end())
            .signed_by(&[PEOPLE[by], PEOPLE[who]]),
        Deed::Merge { who, into } => draft(PEOPLE[who], [merge(PEOPLE[into])]),
        Deed::Close => return None,
    })
}

fn xlm(story: &Story) -> i64 {
    story.ledger.state().accounts().map(|(_, account)| account.balance.get()).sum()
}

fn check(story: &Story, sequences: &mut BTreeMap<AccountId, i64>) {
    assert_eq!(xlm(story) + story.ledger.fee_pool(), TOTAL_COINS_STROOPS);
    let state = story.ledger.state();
    let accounts = || state.accounts().map(|(_, account)| account);
    let sponsoring: u32 = accounts().map(|account| account.sponsoring).sum();
    let sponsored: u32 = accounts().map(|account| account.sponsored).sum();
    assert_eq!(sponsoring, sponsored, "every sponsored reserve has its sponsor");
    for (id, account) in state.accounts() {
        let before = sequences.insert(id, account.sequence);
        assert!(before.is_none_or(|before| before <= account.sequence), "no sequence goes back");
        for line in account.lines.values() {
            assert!(line.balance <= line.limit);
        }
    }
}

/// GOLD that came and went through its issuer, as history tells it.
fn gold_outstanding(story: &Story) -> i64 {
    use crate::sandbox::history::{List, Record, Scope, Selection};
    use crate::sandbox::ledger::effects::Change;
    let all = Selection { cursor: None, descending: false, limit: usize::MAX, include_failed: true };
    let mut sum = 0;
    for record in story.ledger.history().whole().page(List::Effects, Scope::Account(id("issuer")), all) {
        let Record::Effect(effect) = record else { panic!("an effect") };
        match &effect.effect.change {
            Change::Debited { asset: Asset::Credit { .. }, amount } => sum += amount.get(),
            Change::Credited { asset: Asset::Credit { .. }, amount } => sum -= amount.get(),
            _ => {}
        }
    }
    sum
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn money_changes_hands_and_nothing_else(deeds in prop::collection::vec(deeds(), 1..40)) {
        let mut story = Story::with(&PEOPLE);
        let gold = issued("GOLD", "issuer");
        let mut sequences = BTreeMap::new();
        for deed in &deeds {
            match written(deed) {
                Some(draft) => { story.submit(&draft); }
                None => story.close(),
            }
            check(&story, &mut sequences);
        }
        story.close();
        check(&story, &mut sequences);
        let held: i64 = PEOPLE.iter().filter(|name| story.exists(name)).map(|name| story.holds(name, gold)).sum();
        prop_assert_eq!(held, gold_outstanding(&story));
    }
}
