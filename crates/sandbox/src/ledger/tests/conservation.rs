//! Money is neither made nor lost, whatever people try, with every operation there is.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use stellar_xdr::{ClaimPredicate, LedgerKey, LedgerKeyAccount, LedgerKeyClaimableBalance, OperationBody};

use crate::ledger::balances::{BalanceFilter, BalanceId};
use crate::ledger::close::Weather;
use crate::ledger::effects::Change;
use crate::ledger::exchange::promised;
use crate::ledger::history::{List, Record, Scope, Selection};
use crate::ledger::state::Liabilities;
use crate::network::TOTAL_COINS_STROOPS;
use crate::story::*;
use crate::xdr::xdr_account;
use stellar_types::address::AccountId;
use stellar_types::asset::Asset;

const PEOPLE: [&str; 5] = ["alice", "bob", "carol", "dora", "issuer"];
const CODES: [&str; 3] = ["", "GOLD", "SILVER"];

/// XLM, GOLD or SILVER.
fn asset(which: usize) -> Asset {
    match CODES[which] {
        "" => Asset::Native,
        code => issued(code, "issuer"),
    }
}

#[derive(Debug, Clone)]
enum Deed {
    Pay { to: usize, asset: usize, amount: i64 },
    Trust { asset: usize, limit: i64 },
    Create { who: usize, amount: i64 },
    Merge { into: usize },
    SetAside { asset: usize, amount: i64, first: usize, second: usize, seconds: i64 },
    Claim { nth: usize },
    ClawBackBalance { nth: usize },
    ClawBack { from: usize, asset: usize, amount: i64 },
    Flags { set: u32, clear: u32 },
    LineFlags { who: usize, asset: usize, set: u32, clear: u32 },
    AllowTrust { who: usize, asset: usize, authorize: u32 },
    Sell { sold: usize, bought: usize, amount: i64, price: (i32, i32), id: i64 },
    Buy { sold: usize, bought: usize, amount: i64, price: (i32, i32) },
    Passive { sold: usize, bought: usize, amount: i64, price: (i32, i32) },
    Receive { to: usize, from: usize, through: Option<usize>, into: usize, max: i64, amount: i64 },
    Send { to: usize, from: usize, through: Option<usize>, into: usize, min: i64, amount: i64 },
    Data { name: usize, there: bool },
    Signer { who: usize, weight: u32 },
    Bump { by: i64 },
    RevokeAccount { who: usize },
    RevokeBalance { nth: usize },
}

/// What someone does, alone or while someone else sponsors it; or a ledger closes.
#[derive(Debug, Clone)]
enum Step {
    Do { by: usize, deed: Deed, sponsor: Option<usize> },
    Close { surge: bool },
}

fn deeds() -> impl Strategy<Value = Deed> {
    let who = || 0..PEOPLE.len();
    let which = || 0..CODES.len();
    let credit = || 1..CODES.len();
    let small = || prop_oneof![1..1_000_i64, 0..30_000 * UNIT];
    let price = || (1..9_i32, 1..9_i32);
    let through = || prop::option::of(which());
    let basic = prop_oneof![
        4 => (who(), which(), small()).prop_map(|(to, asset, amount)| Deed::Pay { to, asset, amount }),
        3 => (credit(), prop_oneof![1 => Just(0), 3 => Just(i64::MAX), 1 => 0..1_000 * UNIT])
            .prop_map(|(asset, limit)| Deed::Trust { asset, limit }),
        1 => (who(), 0..5_000 * UNIT).prop_map(|(who, amount)| Deed::Create { who, amount }),
        1 => who().prop_map(|into| Deed::Merge { into }),
        1 => (0..3_usize, any::<bool>()).prop_map(|(name, there)| Deed::Data { name, there }),
        1 => (who(), 0..3_u32).prop_map(|(who, weight)| Deed::Signer { who, weight }),
        1 => (0..5_i64).prop_map(|by| Deed::Bump { by }),
        1 => who().prop_map(|who| Deed::RevokeAccount { who }),
    ];
    let claims = prop_oneof![
        2 => (which(), small(), who(), who(), 0..30_i64).prop_map(
            |(asset, amount, first, second, seconds)| Deed::SetAside { asset, amount, first, second, seconds }
        ),
        2 => (0..4_usize).prop_map(|nth| Deed::Claim { nth }),
        1 => (0..4_usize).prop_map(|nth| Deed::RevokeBalance { nth }),
    ];
    let trading = prop_oneof![
        3 => (which(), which(), small(), price(), prop_oneof![4 => Just(0), 1 => 1..6_i64])
            .prop_map(|(sold, bought, amount, price, id)| Deed::Sell { sold, bought, amount, price, id }),
        2 => (which(), which(), small(), price())
            .prop_map(|(sold, bought, amount, price)| Deed::Buy { sold, bought, amount, price }),
        1 => (which(), which(), small(), price())
            .prop_map(|(sold, bought, amount, price)| Deed::Passive { sold, bought, amount, price }),
        1 => (who(), which(), through(), which(), small(), small()).prop_map(
            |(to, from, through, into, max, amount)| Deed::Receive { to, from, through, into, max, amount }
        ),
        1 => (who(), which(), through(), which(), 1..100_i64, small()).prop_map(
            |(to, from, through, into, min, amount)| Deed::Send { to, from, through, into, min, amount }
        ),
    ];
    prop_oneof![4 => basic, 2 => claims, 3 => trading]
}

/// What only an issuer does.
fn issuing() -> impl Strategy<Value = Deed> {
    let who = || 0..PEOPLE.len();
    let credit = || 1..CODES.len();
    prop_oneof![
        2 => (0..4_usize).prop_map(|nth| Deed::ClawBackBalance { nth }),

        1 => (who(), credit(), 1..1_000_i64)
            .prop_map(|(from, asset, amount)| Deed::ClawBack { from, asset, amount }),
        1 => (0..16_u32, 0..4_u32).prop_map(|(set, clear)| Deed::Flags { set: set & !4, clear }),
        2 => (who(), credit(), 0..3_u32, 0..8_u32)
            .prop_map(|(who, asset, set, clear)| Deed::LineFlags { who, asset, set, clear: clear & !set }),
        1 => (who(), credit(), 0..3_u32)
            .prop_map(|(who, asset, authorize)| Deed::AllowTrust { who, asset, authorize }),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let who = || 0..PEOPLE.len();
    prop_oneof![
        5 => (who(), deeds(), prop::option::weighted(0.2, who()))
            .prop_map(|(by, deed, sponsor)| Step::Do { by, deed, sponsor }),
        1 => (issuing(), prop::option::weighted(0.2, who()))
            .prop_map(|(deed, sponsor)| Step::Do { by: PEOPLE.len() - 1, deed, sponsor }),
        2 => any::<bool>().prop_map(|surge| Step::Close { surge }),
    ]
}

fn nth_balance(story: &Story, nth: usize) -> BalanceId {
    let all = story.ledger.state().balances().find(BalanceFilter::All);
    all.and_then(|all| all.iter().nth(nth)).map_or(BalanceId([0; 32]), |(_, id)| *id)
}

fn body(story: &Story, by: usize, deed: &Deed) -> OperationBody {
    let path = |through: Option<usize>| through.map(asset).into_iter().collect::<Vec<_>>();
    match *deed {
        Deed::Pay { to, asset: which, amount } => pay(PEOPLE[to], asset(which), amount),
        Deed::Trust { asset: which, limit } => trust(asset(which), limit),
        Deed::Create { who, amount } => create(PEOPLE[who], amount),
        Deed::Merge { into } => merge(PEOPLE[into]),
        Deed::SetAside { asset: which, amount, first, second, seconds } => {
            let later = ClaimPredicate::Not(Some(Box::new(ClaimPredicate::BeforeRelativeTime(seconds))));
            let claimants =
                [(PEOPLE[first], ClaimPredicate::BeforeRelativeTime(seconds)), (PEOPLE[second], later)];
            let count = if first == second { 1 } else { 2 };
            set_aside(asset(which), amount, &claimants[..count])
        }
        Deed::Claim { nth } => claim(nth_balance(story, nth)),
        Deed::ClawBackBalance { nth } => claw_back_balance(nth_balance(story, nth)),
        Deed::ClawBack { from, asset: which, amount } => clawback(PEOPLE[from], asset(which), amount),
        Deed::Flags { set, clear } => options(|op| {
            (op.set_flags, op.clear_flags) = (Some(set), Some(clear & !set));
        }),
        Deed::LineFlags { who, asset: which, set, clear } => {
            line_flags(PEOPLE[who], asset(which), set, clear)
        }
        Deed::AllowTrust { who, asset: which, authorize } => {
            allow_trust(PEOPLE[who], asset(which), authorize)
        }
        Deed::Sell { sold, bought, amount, price, id } => sell(asset(sold), asset(bought), amount, price, id),
        Deed::Buy { sold, bought, amount, price } => buy(asset(sold), asset(bought), amount, price, 0),
        Deed::Passive { sold, bought, amount, price } => {
            sell_passively(asset(sold), asset(bought), amount, price)
        }
        Deed::Receive { to, from, through, into, max, amount } => {
            pay_through(PEOPLE[to], (asset(from), max), &path(through), (asset(into), amount))
        }
        Deed::Send { to, from, through, into, min, amount } => {
            send_through(PEOPLE[to], (asset(from), amount), &path(through), (asset(into), min))
        }
        Deed::Data { name, there } => data(["a", "b", "c"][name], there.then_some("x")),
        Deed::Signer { who, weight } => signer(signer_key(PEOPLE[who]), weight),
        Deed::Bump { by: steps } => {
            let sequence = story.ledger.state().get(id(PEOPLE[by])).map_or(0, |account| account.sequence);
            bump(sequence + steps)
        }
        Deed::RevokeAccount { who } => {
            revoke(LedgerKey::Account(LedgerKeyAccount { account_id: xdr_account(id(PEOPLE[who])) }))
        }
        Deed::RevokeBalance { nth } => {
            let balance_id = nth_balance(story, nth).to_xdr();
            revoke(LedgerKey::ClaimableBalance(LedgerKeyClaimableBalance { balance_id }))
        }
    }
}

fn perform(story: &mut Story, step: &Step) {
    match step {
        Step::Close { surge } => {
            story.now += jiff::SignedDuration::from_secs(5);
            let weather = if *surge { Weather { fee_floor: 150 } } else { Weather::default() };
            story.ledger.close_in(weather, story.now);
        }
        Step::Do { by, deed, sponsor } => {
            let (name, body) = (PEOPLE[*by], body(story, *by, deed));
            let written = match sponsor.filter(|sponsor| sponsor != by).map(|sponsor| PEOPLE[sponsor]) {
                None => draft(name, [body]).with(|draft| draft.fee = Some(200)),
                Some(sponsor) => draft(sponsor, [begin(name)])
                    .by(name, body)
                    .by(name, end())
                    .signed_by(&[sponsor, name])
                    .with(|draft| draft.fee = Some(400)),
            };
            story.submit(&written);
        }
    }
}

/// What the whole ledger holds of an asset.
fn held(story: &Story, asset: &Asset) -> i128 {
    let state = story.ledger.state();
    let accounts = state.accounts().filter_map(|(_, account)| account.balance_of(asset));
    let set_aside = state.balances().iter().filter(|balance| balance.asset == *asset);
    accounts.chain(set_aside.map(|balance| balance.amount)).map(|amount| i128::from(amount.get())).sum()
}

/// What the issuer has issued and not taken back, as history's effects tell it.
fn issued_by(story: &Story, wanted: &Asset) -> i128 {
    let all = Selection { cursor: None, descending: false, limit: usize::MAX, include_failed: true };
    let scope = Scope::Account(id("issuer"));
    let effects = story.ledger.history().whole().page(List::Effects, scope, all);
    let mut sum = 0;
    for record in &effects {
        let Record::Effect(effect) = record else { panic!("an effect") };
        match &effect.effect.change {
            Change::Debited { asset, amount } if asset == wanted => sum += i128::from(amount.get()),
            Change::Credited { asset, amount } if asset == wanted => sum -= i128::from(amount.get()),
            Change::Traded { sold, bought, .. } => {
                // The taker's side of a path payment has credits and debits too; the maker's has none.
                let operation = story.ledger.history().whole().operation(effect.operation).unwrap();
                let by_path = operation.is_payment() && operation.source == id("issuer");
                if !by_path {
                    sum += if sold.0 == *wanted { i128::from(sold.1.get()) } else { 0 };
                    sum -= if bought.0 == *wanted { i128::from(bought.1.get()) } else { 0 };
                }
            }
            _ => {}
        }
    }
    sum
}

fn promised_by(story: &Story, seller: AccountId) -> BTreeMap<Asset, Liabilities> {
    let mut sums: BTreeMap<Asset, Liabilities> = BTreeMap::new();
    for offer in story.ledger.state().book().iter().filter(|offer| offer.seller == seller) {
        let all = promised(&offer.price, offer.amount);
        let add = |sum: &mut stellar_types::money::Stroops, amount: i64| {
            *sum = sum.checked_add(stellar_types::money::Stroops::new(amount).unwrap()).unwrap();
        };
        add(&mut sums.entry(offer.selling).or_default().selling, all.goods);
        add(&mut sums.entry(offer.buying).or_default().buying, all.coin);
    }
    sums
}

fn check(story: &Story, sequences: &mut BTreeMap<AccountId, i64>) {
    assert_eq!(
        held(story, &Asset::Native) + i128::from(story.ledger.fee_pool()),
        i128::from(TOTAL_COINS_STROOPS)
    );
    let state = story.ledger.state();
    let reserved: u32 = state.balances().iter().map(|balance| balance.reserves()).sum();
    let sponsoring: u32 = state.accounts().map(|(_, account)| account.sponsoring).sum();
    let sponsored: u32 = state.accounts().map(|(_, account)| account.sponsored).sum();
    assert_eq!(sponsoring, sponsored + reserved, "every sponsored reserve has its sponsor");
    for offer in state.book().iter() {
        assert!(state.get(offer.seller).is_some_and(|seller| seller.offers.contains(&offer.id)));
        assert!(offer.amount > 0);
    }
    let counted: usize = state.accounts().map(|(_, account)| account.offers.len()).sum();
    assert_eq!(counted, state.book().iter().count());
    for (id, account) in state.accounts() {
        let before = sequences.insert(id, account.sequence);
        assert!(before.is_none_or(|before| before <= account.sequence), "no sequence goes back");
        let promised = promised_by(story, id);
        let promised = |asset: &Asset| promised.get(asset).copied().unwrap_or_default();
        assert_eq!(account.liabilities, promised(&Asset::Native), "promises are those of the offers");
        // Fees may take from the reserve, and nothing else does: a few thousand stroops here.
        let kept = account.minimum_balance().get() + account.liabilities.selling.get();
        assert!(account.balance.get() >= kept - 100_000, "{} under {kept}", account.balance);
        for (asset, line) in &account.lines {
            assert_eq!(line.liabilities, promised(asset));
            assert!(line.balance.get() + line.liabilities.buying.get() <= line.limit.get());
            assert!(line.liabilities.selling <= line.balance);
        }
    }
}

/// An issuer who may claw back; everyone trusts both metals; alice has gold, bob has silver.
fn market() -> Story {
    let mut story = Story::with(&PEOPLE);
    story.must(&draft("issuer", [options(|op| op.set_flags = Some(2 | 8))]));
    for name in &PEOPLE[..4] {
        story.must(&draft(name, [trust(asset(1), i64::MAX), trust(asset(2), i64::MAX)]));
    }
    let (gold, silver) = (pay("alice", asset(1), 10_000 * UNIT), pay("bob", asset(2), 10_000 * UNIT));
    story.must(&draft("issuer", [gold, silver]));
    story
}

/// Operations that the ledger applies.
const OPERATIONS: usize = 21;

#[test]
fn the_mix_reaches_every_operation() {
    let mut runner = TestRunner::deterministic();
    let mut reached: BTreeMap<&str, u32> = BTreeMap::new();
    for _ in 0..400 {
        if reached.len() == OPERATIONS {
            return;
        }
        let steps = prop::collection::vec(steps(), 60).new_tree(&mut runner).unwrap().current();
        let mut story = market();
        steps.iter().for_each(|step| perform(&mut story, step));
        story.close();
        let all = Selection { cursor: None, descending: false, limit: usize::MAX, include_failed: false };
        for record in story.ledger.history().whole().page(List::Operations, Scope::All, all) {
            let Record::Operation(operation) = record else { panic!("an operation") };
            *reached.entry(operation.operation().body.name()).or_default() += 1;
        }
    }
    panic!("not all of {OPERATIONS} are reached: {reached:#?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn money_changes_hands_and_nothing_else(steps in prop::collection::vec(steps(), 1..60)) {
        let mut story = market();
        let mut sequences = BTreeMap::new();
        for step in &steps {
            perform(&mut story, step);
            check(&story, &mut sequences);
        }
        story.close();
        check(&story, &mut sequences);
        for which in [1, 2] {
            prop_assert_eq!(held(&story, &asset(which)), issued_by(&story, &asset(which)));
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_ledger(steps in prop::collection::vec(steps(), 1..30)) {
        let run = || {
            let mut story = Story::with(&PEOPLE);
            steps.iter().for_each(|step| perform(&mut story, step));
            story.close();
            story.ledger.history().latest().unwrap().hash
        };
        prop_assert_eq!(run(), run());
    }
}
