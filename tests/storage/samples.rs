//! Things to store.

use std::collections::{BTreeMap, BTreeSet};

use farmgate::domain::address::{AccountId, Address};
use farmgate::domain::asset::Asset;
use farmgate::domain::claimable::{Claimable, ClaimableState};
use farmgate::domain::currency::Currency;
use farmgate::domain::escrow::{Channel, ChannelRole, EscrowAccount, EscrowState, Watch};
use farmgate::domain::farm::Farm;
use farmgate::domain::fee_bump::FeeBump;
use farmgate::domain::identity::Identity;
use farmgate::domain::ids::*;
use farmgate::domain::journal::{BookAccount, Cause, Entry, Postings};
use farmgate::domain::money::Stroops;
use farmgate::domain::node::Node;
use farmgate::domain::payment::{Attribution, Memo, Payment, PaymentId, PaymentKind};
use farmgate::domain::payout_change::{ChangeState, ChangedTerms, PayoutChange};
use farmgate::domain::pool::{Grant, Pool};
use farmgate::domain::pricing::{PriceBreakdown, UnitPrices};
use farmgate::domain::reservation::{Leg, Order, PaymentOption, Quote, Reservation, State};
use farmgate::domain::sealing::{SEALED_SEED_BYTES, SealedSecret, SealedSeed, SealingKey};
use farmgate::domain::split::{Distribution, Recipient};
use farmgate::domain::tenant::Tenant;
use farmgate::domain::transfer::{
    Delivery, Purpose, Submission, SubmissionState, Transfer, TransferKind, TransferState,
};
use farmgate::domain::units::{CloudUnits, MilliUnits};
use farmgate::ports::store::{ApiKey, Role, StoredPayment};
use jiff::Timestamp;

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub fn account(number: u8) -> AccountId {
    AccountId([number; 32])
}

pub fn asset(code: &str) -> Asset {
    Asset::credit(code.parse().unwrap(), account(200))
}

pub fn stroops(number: i64) -> Stroops {
    Stroops::new(number).unwrap()
}

pub fn units(cu: u64) -> CloudUnits {
    CloudUnits { cu: MilliUnits::new(cu).unwrap(), ..CloudUnits::default() }
}

pub fn reservation_id(number: i64) -> ReservationId {
    ReservationId::new(number).unwrap()
}

pub fn submission_id(number: i64) -> SubmissionId {
    SubmissionId::new(number).unwrap()
}

pub fn node_id(number: i64) -> NodeId {
    NodeId::new(number).unwrap()
}

pub fn farm(number: i64) -> Farm {
    Farm {
        tenant: Tenant::default(),
        id: FarmId::new(number).unwrap(),
        name: format!("farm {number} — \"Süd\""),
        owner: IdentityId::new(1).unwrap(),
        payout_addresses: BTreeMap::from([(asset("TFT"), account(3)), (Asset::Native, account(4))]),
        distribution: Distribution::known("grid3").unwrap(),
    }
}

pub fn node(number: i64, farm: i64) -> Node {
    Node {
        tenant: Tenant::default(),
        id: node_id(number),
        farm: FarmId::new(farm).unwrap(),
        capacity: units(12_345),
        free_to_use: number % 2 == 0,
    }
}

/// That node `number` belongs to the next farm, which waits.
pub fn payout_change(number: i64) -> PayoutChange {
    let farm = |number| FarmId::new(number).unwrap();
    PayoutChange {
        id: ChangeId::new(number).unwrap(),
        tenant: Tenant::default(),
        terms: ChangedTerms::Node { node: node_id(number), before: farm(number), after: farm(number + 1) },
        asked_at: at(number),
        due_at: at(number + 10),
        state: ChangeState::Waiting,
    }
}

pub fn identity(number: i64) -> Identity {
    let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    Identity {
        tenant: Tenant::default(),
        id: IdentityId::new(number).unwrap(),
        name: "Ada".to_owned(),
        public_key: key.parse().unwrap(),
    }
}

pub fn currency(code: &str) -> Currency {
    Currency {
        code: code.parse().unwrap(),
        asset: asset(code),
        usd_rate: "0.0123456789".parse().unwrap(),
        rate_at: at(1_000),
        rate_valid_seconds: 86_400,
        distribution: Some(Distribution::known("free").unwrap()),
        free_only: code == "FreeTFT",
    }
}

pub fn escrow(number: u8, state: EscrowState) -> EscrowAccount {
    let mut assets = vec![asset("TFT"), asset("TFTA")];
    assets.sort();
    EscrowAccount {
        account: account(number),
        version: 0,
        assets,
        state,
        watch: Watch { cursor: OperationId(7), explained: LedgerSeq(9), dirty_since: None },
        created_at: at(i64::from(number)),
    }
}

pub fn sealed_secret(number: u8) -> SealedSecret {
    SealedSecret {
        account: account(number),
        key: SealingKey([number; 32]),
        seed: SealedSeed([number; SEALED_SEED_BYTES]),
    }
}

pub fn channel(number: u8) -> Channel {
    Channel { account: account(number), role: ChannelRole::Channel, opening: None, sequence: 5 }
}

pub fn option(code: &str) -> PaymentOption {
    let amount = stroops(1_000);
    PaymentOption {
        currency: code.parse().unwrap(),
        asset: asset(code),
        amount,
        free_only: code == "FreeTFT",
        breakdown: PriceBreakdown {
            units: units(1_000),
            seconds: 60,
            unit_prices: UnitPrices::default(),
            discount_percent: 0,
            network_divisor: 1,
            usd_fraction: "1/3".to_owned(),
            usd_rate: "0.05".parse().unwrap(),
        },
        distribution: "grid2".to_owned(),
        legs: vec![Leg { recipient: Recipient::Foundation, farm: None, to: account(9), amount }],
    }
}

/// With its own escrow account, in the state the machine begins with.
pub fn reservation(number: u8) -> Reservation {
    Reservation {
        id: reservation_id(number.into()),
        tenant: Tenant::default(),
        version: 0,
        order: Order {
            customer: IdentityId::new(1).unwrap(),
            nodes: vec![node_id(1), node_id(2)],
            units: units(1_000),
            seconds: 60,
            extends: None,
            refund: None,
        },
        quote: Quote { options: vec![option("TFT")], quoted_at: at(0), deadline: at(1_000) },
        escrow: account(number),
        memo: Memo::Text(format!("p-{number}")),
        created_at: at(0),
        cancel_requested_at: None,
        state: State::AwaitingSignatures,
    }
}

pub fn payment(operation: i64, reservation: Option<i64>) -> StoredPayment {
    StoredPayment {
        payment: Payment {
            id: PaymentId { operation: OperationId(operation), change: 0 },
            kind: PaymentKind::PathPayment,
            to: account(1),
            to_muxed_id: Some(u64::MAX),
            from: Some(Address::Muxed { account: account(2), id: u64::MAX }),
            asset: asset("TFT"),
            amount: stroops(i64::MAX),
            transaction: TxHash([7; 32]),
            ledger: LedgerSeq(u32::MAX),
            closed_at: at(500),
            memo: Memo::Id(u64::MAX),
        },
        reservation: reservation.map(reservation_id),
        attribution: if reservation.is_some() { Attribution::Counted } else { Attribution::Unassigned },
    }
}

pub fn transfer(number: i64, ordinal: u16) -> Transfer {
    Transfer {
        id: TransferId::new(number).unwrap(),
        reservation: Some(reservation_id(1)),
        ordinal: ordinal.into(),
        kind: TransferKind::Leg { recipient: Recipient::Farmer, farm: Some(FarmId::new(3).unwrap()) },
        from: account(1),
        to: Address::Account(account(5)),
        asset: asset("TFT"),
        amount: stroops(900),
        memo: Memo::Id(u64::MAX),
        delivery: Delivery::Payment,
        state: TransferState::Pending,
    }
}

/// Made for transfer `number`.
pub fn claimable(number: u8) -> Claimable {
    Claimable {
        id: ClaimableId([number; 32]),
        transfer: TransferId::new(number.into()).unwrap(),
        reservation: Some(reservation_id(1)),
        recipient: account(5),
        asset: asset("TFT"),
        amount: stroops(900),
        created_at: at(100),
        reclaim_from: at(100 + i64::from(number)),
        state: ClaimableState::Outstanding,
    }
}

/// Live, on a channel and with a hash of its number.
pub fn submission(number: u8) -> Submission {
    Submission {
        id: submission_id(number.into()),
        channel: account(number),
        sequence: 11,
        hash: TxHash([number; 32]),
        envelope: "AAAA".to_owned(),
        max_time: at(300),
        purpose: Purpose::PayTransfers {
            transfers: vec![TransferId::new(1).unwrap()],
            claimables: vec![],
            reclaim_from: None,
        },
        state: SubmissionState::Live,
        attempts: 0,
        last_answer: None,
        created_at: at(1),
    }
}

/// A bump of the submission with its number.
pub fn fee_bump(number: u8) -> FeeBump {
    FeeBump {
        submission: submission_id(number.into()),
        hash: TxHash([100 + number; 32]),
        envelope: "AAAA".to_owned(),
        fee_per_operation: 1_000,
        created_at: at(2),
    }
}

pub fn pool(number: i64) -> Pool {
    Pool {
        tenant: Tenant::default(),
        id: PoolId::new(number).unwrap(),
        version: 0,
        customer: IdentityId::new(1).unwrap(),
        nodes: BTreeSet::from([node_id(1), node_id(2)]),
        free_only: false,
        grants: vec![grant(number)],
        created_at: at(100),
    }
}

pub fn grant(reservation: i64) -> Grant {
    Grant { reservation: reservation_id(reservation), units: units(500), from: at(100), until: at(200) }
}

/// A payment of `amount` for a reservation.
pub fn entry(number: i64, reservation: i64, amount: i64) -> Entry {
    let mut postings = Postings::new();
    let deposits = BookAccount::Deposits(reservation_id(reservation));
    postings.movement(asset("TFT"), stroops(amount), BookAccount::Stellar(account(1)), deposits);
    let payment = PaymentId { operation: OperationId(number), change: 0 };
    let id = EntryId::new(number).unwrap();
    let cause = Cause::Payment(payment);
    Entry::new(id, cause, Some(reservation_id(reservation)), at(500), postings.into_vec()).unwrap()
}

pub fn api_key(number: u8, name: &str) -> ApiKey {
    ApiKey {
        id: ApiKeyId::new(number.into()).unwrap(),
        name: name.to_owned(),
        role: Role::Operator,
        tenant: None,
        pushes_rates: false,
        secret_hash: [number; 32],
        created_at: at(1),
        revoked_at: None,
    }
}
