"""How each refusal of ../refusals.json is provoked."""

import time

from stellar_sdk import (
    AccountMerge, Asset, AuthorizationFlag, BeginSponsoringFutureReserves, ChangeTrust, Claimant, ClaimClaimableBalance, Clawback,
    CreateAccount, CreateClaimableBalance, EndSponsoringFutureReserves, ManageData, ManageSellOffer, PathPaymentStrictReceive,
    PathPaymentStrictSend, Payment, RevokeSponsorship, SetOptions, SetTrustLineFlags, Signer, TransactionBuilder, TrustLineFlags,
)

NO_BALANCE = "00000000" + "ab" * 32
XLM = Asset.native()


def refusals(world):
    """Name → what makes the transaction."""
    usd, eur, kyc, tx, of = world.usd, world.eur, world.kyc, world.tx, world.id
    now = int(time.time())

    def pay(to, asset=XLM, amount="1", source=None):
        return Payment(of(to), asset, amount, source=source and of(source))

    def begin(sponsor, sponsored):
        return BeginSponsoringFutureReserves(of(sponsored), source=of(sponsor))

    def end(sponsored):
        return EndSponsoringFutureReserves(source=of(sponsored))

    def arranged(arrange, **options):
        return tx("alice", [pay("bob")], arrange=arrange, **options)

    def bumped():
        inner = tx("carol", [pay("dave", usd)])
        bump = TransactionBuilder.build_fee_bump_transaction(of("alice"), 2000, inner, world.passphrase)
        bump.sign(world.keys["alice"])
        return bump

    def another_s():
        made = tx("alice", [CreateClaimableBalance(XLM, "1", [Claimant(of("bob"))])])
        world.submit(made)
        return tx("carol", [ClaimClaimableBalance(made.transaction.get_claimable_balance_id(0))])

    return {
        "a sequence number that was used": lambda: tx("alice", [pay("bob")], sequence=-1),
        "a signature of a stranger": lambda: tx("alice", [pay("bob")], signers=["bob"]),
        "a signature too many": lambda: tx("alice", [pay("bob")], signers=["alice", "bob"]),
        "no signature": lambda: tx("alice", [pay("bob")], signers=[]),
        "weights below the threshold": lambda: tx("shared", [pay("bob")]),
        "an operation that its source did not sign": lambda: tx("alice", [pay("bob"), pay("alice", source="bob")]),
        "a time that is over": lambda: arranged(lambda builder: builder.add_time_bounds(0, now - 60)),
        "a time to come": lambda: arranged(lambda builder: builder.add_time_bounds(now + 3600, 0)),
        "a ledger to come": lambda: arranged(lambda builder: builder.set_ledger_bounds(2_000_000_000, 0)),
        "a fee below the minimum": lambda: tx("alice", [pay("bob")], fee=99),
        "a fee that the source cannot pay": lambda: tx("poor", [pay("bob")], fee=20_000_000),
        "a source that is not there": lambda: tx("nobody", [pay("bob")]),
        "no operation": lambda: tx("alice", []),
        "a sequence number that is too young": lambda: arranged(lambda builder: builder.set_min_sequence_age(1_000_000)),
        "a sponsorship left open": lambda: tx("alice", [begin("alice", "carol")]),
        "a fee bump around a failure": bumped,
        "a payment to nobody": lambda: tx("alice", [pay("nobody")]),
        "a payment without the receiver's trust": lambda: tx("alice", [pay("carol", usd)]),
        "a payment over the receiver's limit": lambda: tx("alice", [pay("bob", usd, "10.0000001")]),
        "a payment without the sender's trust": lambda: tx("carol", [pay("alice", usd)]),
        "a payment of more than there is": lambda: tx("alice", [pay("maker", usd, "1000000")]),
        "a payment to who is not authorized": lambda: tx("guard", [pay("alice", kyc)]),
        "a payment from who is not authorized": lambda: tx("alice", [pay("dave", kyc)]),
        "a failure among others": lambda: tx("alice", [pay("bob"), pay("carol", usd), pay("dave")]),
        "an account that is there already": lambda: tx("alice", [CreateAccount(of("bob"), "10")]),
        "an account below its reserve": lambda: tx("alice", [CreateAccount(of("nobody"), "0.9999999")]),
        "an account that its funder cannot pay": lambda: tx("carol", [CreateAccount(of("nobody"), "1000")]),
        "trust in one's own asset": lambda: tx("issuer", [ChangeTrust(usd)]),
        "a limit below the balance": lambda: tx("alice", [ChangeTrust(usd, "1")]),
        "trust in an issuer that is not there": lambda: tx("alice", [ChangeTrust(Asset("USD", of("nobody")))]),
        "trust without a reserve for it": lambda: tx("poor", [ChangeTrust(usd)]),
        "a merge into nobody": lambda: tx("dave", [AccountMerge(of("nobody"))]),
        "a merge into oneself": lambda: tx("dave", [AccountMerge(of("dave"))]),
        "a merge of an account with trust lines": lambda: tx("bob", [AccountMerge(of("alice"))]),
        "a merge of an immutable account": lambda: tx("fixed", [AccountMerge(of("alice"))]),
        "a merge of a sponsor": lambda: tx("patron", [AccountMerge(of("alice"))]),
        "oneself as a signer": lambda: tx("alice", [SetOptions(signer=Signer.ed25519_public_key(of("alice"), 1))]),
        "clawback without revocation": lambda: tx(
            "issuer", [SetOptions(set_flags=AuthorizationFlag.AUTHORIZATION_CLAWBACK_ENABLED)]
        ),
        "a change of immutable flags": lambda: tx(
            "fixed", [SetOptions(set_flags=AuthorizationFlag.AUTHORIZATION_REVOCABLE)]
        ),
        "a path without offers": lambda: tx("alice", [PathPaymentStrictReceive(of("maker"), usd, "10", eur, "1", [])]),
        "a path that costs too much": lambda: tx(
            "dave", [PathPaymentStrictReceive(of("alice"), XLM, "1.9999999", usd, "1", [])]
        ),
        "a path that brings too little": lambda: tx(
            "dave", [PathPaymentStrictSend(of("alice"), XLM, "2", usd, "1.0000001", [])]
        ),
        "a path through one's own offer": lambda: tx(
            "maker", [PathPaymentStrictReceive(of("maker"), XLM, "10", usd, "1", [])]
        ),
        "an offer that is not there": lambda: tx("maker", [ManageSellOffer(usd, XLM, "1", "9", offer_id=999_999_999)]),
        "a claim of nothing": lambda: tx("alice", [ClaimClaimableBalance(NO_BALANCE)]),
        "a claim of what is another's": another_s,
        "a claimable balance of more than there is": lambda: tx(
            "alice", [CreateClaimableBalance(usd, "1000000", [Claimant(of("bob"))])]
        ),
        "a sponsorship that nobody began": lambda: tx("carol", [end("carol")]),
        "a sponsorship begun twice": lambda: tx(
            "alice", [begin("alice", "carol"), begin("bob", "carol"), end("carol")], signers=["alice", "bob", "carol"]
        ),
        "a sponsorship of who sponsors": lambda: tx(
            "alice", [begin("alice", "carol"), begin("carol", "dave"), end("carol")], signers=["alice", "carol"]
        ),
        "a sponsorship that is another's": lambda: tx(
            "alice", [RevokeSponsorship.revoke_data_sponsorship(of("carol"), "sponsored")]
        ),
        "a data entry that is not there": lambda: tx("alice", [ManageData("nothing", None)]),
        "flags of a line that is not there": lambda: tx(
            "guard", [SetTrustLineFlags(of("carol"), kyc, set_flags=TrustLineFlags.AUTHORIZED_FLAG)]
        ),
        "a revocation that was not reserved": lambda: tx(
            "issuer", [SetTrustLineFlags(of("alice"), usd, clear_flags=TrustLineFlags.AUTHORIZED_FLAG)]
        ),
        "a clawback that was not reserved": lambda: tx("issuer", [Clawback(usd, of("alice"), "1")]),
        "a clawback of more than there is": lambda: tx("guard", [Clawback(kyc, of("dave"), "101")]),
    }
