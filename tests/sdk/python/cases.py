"""What a developer does with the SDK, and what must come of it."""

import base64
import hashlib
from decimal import Decimal
from threading import Event, Thread

import requests
from stellar_sdk import (
    AccountMerge, Asset, BeginSponsoringFutureReserves, BumpSequence, ChangeTrust, Claimant, ClaimClaimableBalance, ClaimPredicate,
    Clawback, CreateAccount, CreateClaimableBalance, EndSponsoringFutureReserves, HashMemo, IdMemo, Keypair, ManageData,
    ManageSellOffer, MuxedAccount, PathPaymentStrictReceive, PathPaymentStrictSend, Payment, Price, ReturnHashMemo,
    RevokeSponsorship, SetOptions, SetTrustLineFlags, Signer, TextMemo, TransactionBuilder, TrustLineFlags,
)
from stellar_sdk.exceptions import NotFoundError
from stellar_sdk.sep.exceptions import AccountRequiresMemoError

XLM = Asset.native()


def refused(kind, work):
    """The error of something that must fail."""
    try:
        work()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def equal(seen, expected):
    assert seen == expected, f"{seen!r} is not {expected!r}"


class Cases:
    """Each public method is a case; its name says what must be so."""

    def __init__(self, world):
        self.world, self.server = world, world.server

    def _records(self, builder):
        return builder.call()["_embedded"]["records"]

    def _pay(self, to, amount="1", asset=XLM, source=None):
        return Payment(self.world.id(to) if to in self.world.keys else to, asset, amount, source=source)

    def friendbot_funds_once(self):
        key = Keypair.random()
        self.world.befriend(key.public_key).raise_for_status()
        equal(self.world.balance(key, XLM), "10000.0000000")
        answer = self.world.befriend(key.public_key)
        equal((answer.status_code, answer.json()["extras"]["result_codes"]["operations"]), (400, ["op_already_exists"]))

    def an_account_is_read_as_it_is(self):
        account = self.world.account("shared")
        equal(account["thresholds"], {"low_threshold": 1, "med_threshold": 2, "high_threshold": 2})
        weights = {signer["key"]: signer["weight"] for signer in account["signers"]}
        equal(weights, {self.world.id("shared"): 1, self.world.id("bob"): 1})
        loaded = self.server.load_account(self.world.id("shared"))
        equal((loaded.thresholds.med_threshold, len(loaded.load_ed25519_public_key_signers())), (2, 2))

    def an_account_that_is_not_there_is_not_found(self):
        refused(NotFoundError, lambda: self.server.load_account(self.world.id("nobody")))

    def trust_payment_and_the_end_of_trust(self):
        world, usd = self.world, self.world.usd
        key = world.opened()
        world.run(key, [ChangeTrust(usd, "50")])
        world.run("alice", [self._pay(key.public_key, "12.3456789", usd)])
        line = world.account(key)["balances"][0]
        equal((line["balance"], line["limit"], line["is_authorized"]), ("12.3456789", "50.0000000", True))
        world.run(key, [self._pay("issuer", "12.3456789", usd), ChangeTrust(usd, "0")])
        equal(len(world.account(key)["balances"]), 1)

    def a_payment_is_found_by_its_hash_with_fee_and_memo(self):
        sent = self.world.run("alice", [self._pay("bob")], memo=TextMemo("façade"))
        found = self.server.transactions().transaction(sent["hash"]).call()
        equal([found[field] for field in ["successful", "memo", "fee_charged"]], [True, "façade", "100"])
        envelope = TransactionBuilder.from_xdr(found["envelope_xdr"], self.world.passphrase)
        equal((envelope.hash_hex(), envelope.to_xdr()), (sent["hash"], found["envelope_xdr"]))
        effects = self._records(self.server.effects().for_transaction(sent["hash"]))
        equal(sorted(effect["type"] for effect in effects), ["account_credited", "account_debited"])

    def every_kind_of_memo_comes_back(self):
        raw = bytes([15] * 32)
        text = base64.b64encode(raw).decode()
        for memo, kind, value in [
            (IdMemo(2**64 - 1), "id", str(2**64 - 1)), (HashMemo(raw), "hash", text), (ReturnHashMemo(raw), "return", text),
        ]:
            sent = self.world.run("alice", [self._pay("bob")], memo=memo)
            found = self.server.transactions().transaction(sent["hash"]).call()
            equal((found["memo_type"], found["memo"]), (kind, value))

    def a_transaction_sent_again_gives_the_same_answer(self):
        envelope = self.world.tx("alice", [self._pay("bob")])
        first = self.world.submit(envelope)
        before = self.world.balance("bob", XLM)
        second = self.world.submit(envelope)
        equal((second["hash"], second["ledger"]), (first["hash"], first["ledger"]))
        equal(self.world.balance("bob", XLM), before)

    def a_transaction_sent_without_waiting_is_pending_then_there(self):
        envelope = self.world.tx("alice", [self._pay("bob")])
        said = self.server.submit_transaction_async(envelope, skip_memo_required_check=True)
        equal((said["tx_status"], said["hash"]), ("PENDING", envelope.hash_hex()))
        stream = self.server.transactions().for_account(self.world.id("alice")).cursor("0").limit(200).stream()
        assert any(record["hash"] == said["hash"] for record in stream)

    def what_is_no_transaction_is_malformed(self):
        answer = requests.post(f"{self.world.url}/transactions", data={"tx": "AAAA"}, timeout=60)
        equal((answer.status_code, answer.json()["title"]), (400, "Transaction Malformed"))

    def an_offer_stands_in_the_order_book(self):
        book = self.server.orderbook(self.world.usd, XLM).call()
        equal((book["asks"][0]["price"], book["base"]["asset_code"]), ("2.0000000", "USD"))
        offers = self._records(self.server.offers().for_seller(self.world.id("maker")).for_selling(self.world.usd))
        equal(self.server.offers().offer(offers[0]["id"]).call()["seller"], self.world.id("maker"))

    def a_path_is_found_and_paid_exact_on_arrival(self):
        world, usd = self.world, self.world.usd
        [way] = [way for way in self._records(self.server.strict_receive_paths([XLM], usd, "3"))]
        equal((way["source_asset_type"], way["source_amount"], way["path"]), ("native", "6.0000000", []))
        key = world.opened()
        world.run(key, [ChangeTrust(usd)])
        sent = world.run(key, [PathPaymentStrictReceive(key.public_key, XLM, way["source_amount"], usd, "3", [])])
        equal(world.balance(key, usd), "3.0000000")
        [operation] = self._records(self.server.payments().for_transaction(sent["hash"]))
        equal((operation["type"], operation["source_amount"]), ("path_payment_strict_receive", "6.0000000"))
        [trade] = self._records(self.server.trades().for_account(key.public_key))
        equal((trade["base_amount"], trade["counter_amount"]), ("6.0000000", "3.0000000"))

    def a_path_is_found_and_paid_exact_on_departure(self):
        world, usd = self.world, self.world.usd
        [way] = self._records(self.server.strict_send_paths(XLM, "4", [usd]))
        equal((way["destination_asset_code"], way["destination_amount"]), ("USD", "2.0000000"))
        before = Decimal(world.balance("alice", usd))
        world.run("carol", [PathPaymentStrictSend(world.id("alice"), XLM, "4", usd, way["destination_amount"], [])])
        equal(Decimal(world.balance("alice", usd)), before + 2)
        [trade] = self._records(self.server.trades().for_asset_pair(usd, XLM).order(desc=True).limit(1))
        equal((trade["counter_amount"], trade["price"]), ("4.0000000", {"n": "2", "d": "1"}))

    def a_path_leads_over_two_offers(self):
        world, usd, eur = self.world, self.world.usd, self.world.eur
        seller, buyer = world.opened(), world.opened()
        world.run(seller, [ChangeTrust(eur), ChangeTrust(usd)])
        world.run(buyer, [ChangeTrust(eur)])
        world.run("issuer", [self._pay(seller.public_key, "100", eur)])
        world.run(seller, [ManageSellOffer(eur, usd, "50", Price(3, 2))])
        ways = self._records(self.server.strict_receive_paths(buyer.public_key, eur, "2"))
        [way] = [way for way in ways if way["source_asset_type"] == "native"]
        equal((way["source_amount"], [asset["asset_code"] for asset in way["path"]]), ("6.0000000", ["USD"]))
        world.run(buyer, [PathPaymentStrictReceive(buyer.public_key, XLM, "6", eur, "2", [usd])])
        equal(world.balance(buyer, eur), "2.0000000")

    def an_account_without_xlm_is_sponsored_and_released(self):
        world, key = self.world, Keypair.random()
        who, alice = key.public_key, world.id("alice")
        world.run(
            "alice",
            [
                BeginSponsoringFutureReserves(who), CreateAccount(who, "0"), ChangeTrust(world.usd, source=who),
                EndSponsoringFutureReserves(source=who),
            ],
            signers=["alice", key],
        )
        account = world.account(key)
        equal((account["sponsor"], account["num_sponsored"], account["balances"][0]["sponsor"]), (alice, 3, alice))
        found = self._records(self.server.accounts().for_sponsor(alice).limit(200))
        assert who in [one["account_id"] for one in found]
        release = [
            RevokeSponsorship.revoke_trustline_sponsorship(who, world.usd), RevokeSponsorship.revoke_account_sponsorship(who),
        ]
        world.run("alice", [self._pay(who, "5"), *release])
        account = world.account(key)
        equal((account.get("sponsor"), account["num_sponsored"]), (None, 0))

    def two_of_two_signers_pay_and_a_high_threshold_stands(self):
        world = self.world
        world.run("shared", [self._pay("carol")], signers=["shared", "bob"])
        higher = [SetOptions(high_threshold=3)]
        world.run("shared", higher, signers=["shared", "bob"])
        codes = world.codes(world.tx("shared", higher, signers=["shared", "bob"]))
        equal(codes, {"transaction": "tx_failed", "operations": ["op_bad_auth"]})
        found = self._records(self.server.accounts().for_signer(world.id("bob")).limit(200))
        assert world.id("shared") in [one["account_id"] for one in found]

    def a_preimage_and_a_transaction_agreed_on_sign_too(self):
        world = self.world
        key, preimage = world.opened(), bytes([7] * 32)
        world.run(key, [SetOptions(signer=Signer.sha256_hash(hashlib.sha256(preimage).digest(), 1))])
        envelope = world.tx(key, [self._pay("bob")], signers=[])
        envelope.sign_hashx(preimage)
        world.submit(envelope)
        later = world.tx(key, [self._pay("bob")], signers=[], sequence=1)
        world.run(key, [SetOptions(signer=Signer.pre_auth_tx(later.hash(), 1))])
        world.submit(later)
        kinds = sorted(signer["type"] for signer in world.account(key)["signers"])
        equal(kinds, ["ed25519_public_key", "sha256_hash"])

    def a_muxed_payment_keeps_both_ids(self):
        world = self.world
        to, source = MuxedAccount(world.id("bob"), 2**53 + 1), MuxedAccount(world.id("alice"), 7)
        sent = world.run("alice", [Payment(to, XLM, "1", source=source)])
        [operation] = self._records(self.server.payments().for_transaction(sent["hash"]))
        equal((operation["to"], operation["to_muxed"]), (world.id("bob"), to.account_muxed))
        equal((operation["to_muxed_id"], operation["from_muxed_id"]), (str(2**53 + 1), "7"))

    def a_claimable_balance_is_made_found_and_claimed(self):
        world, balances = self.world, self.server.claimable_balances
        late = ClaimPredicate.predicate_not(ClaimPredicate.predicate_before_absolute_time(4102444800))
        claimants = [Claimant(world.id("carol")), Claimant(world.id("alice"), late)]
        made = world.tx("alice", [CreateClaimableBalance(XLM, "2.5", claimants)])
        world.submit(made)
        balance = made.transaction.get_claimable_balance_id(0)
        found = balances().claimable_balance(balance).call()
        equal((found["asset"], found["amount"], found["sponsor"]), ("native", "2.5000000", world.id("alice")))
        assert balance in [one["id"] for one in self._records(balances().for_claimant(world.id("carol")))]
        equal(world.codes(world.tx("alice", [ClaimClaimableBalance(balance)]))["operations"], ["op_cannot_claim"])
        before = Decimal(world.balance("carol", XLM))
        world.run("carol", [ClaimClaimableBalance(balance)])
        equal(Decimal(world.balance("carol", XLM)) - before, Decimal("2.49999"))
        refused(NotFoundError, lambda: balances().claimable_balance(balance).call())

    def an_account_is_merged_and_its_history_stays(self):
        world = self.world
        key = world.opened("7")
        sent = world.run(key, [AccountMerge(world.id("bob"))])
        effects = self._records(self.server.effects().for_transaction(sent["hash"]))
        [credited] = [effect for effect in effects if effect["type"] == "account_credited"]
        equal((credited["account"], credited["amount"]), (world.id("bob"), "6.9999900"))
        refused(NotFoundError, lambda: self.server.load_account(key.public_key))
        history = self._records(self.server.payments().for_account(key.public_key))
        equal([record["type"] for record in history], ["create_account", "account_merge"])

    def a_fee_bump_pays_for_another(self):
        world = self.world
        inner = world.tx("carol", [self._pay("bob")], fee=100)
        bump = TransactionBuilder.build_fee_bump_transaction(world.id("alice"), 500, inner, world.passphrase)
        bump.sign(world.keys["alice"])
        sent = world.submit(bump)
        found = self.server.transactions().transaction(sent["hash"]).call()
        told = [found[field] for field in ["fee_account", "source_account", "fee_charged"]]
        equal(told, [world.id("alice"), world.id("carol"), "200"])
        equal(found["inner_transaction"]["hash"], inner.hash_hex())
        by_inner = self.server.transactions().transaction(inner.hash_hex()).call()
        equal(by_inner["fee_bump_transaction"]["hash"], sent["hash"])

    def payments_are_streamed_as_they_come(self):
        world, told, failures = self.world, Event(), []

        def payer():
            # The stream begins where history ends when it is opened: pay until it has told of one.
            try:
                while not told.is_set():
                    world.run("alice", [self._pay("dave", "0.5")])
            except Exception as error:  # told below, by the case itself
                failures.append(error)

        stream = self.server.payments().for_account(world.id("dave")).cursor("now").stream()
        thread = Thread(target=payer, daemon=True)
        thread.start()
        record = next(iter(stream))
        told.set()
        thread.join()
        equal(failures, [])
        equal((record["type"], record["to"], record["amount"]), ("payment", world.id("dave"), "0.5000000"))

    def a_stream_goes_on_after_its_cursor_without_gap_or_repetition(self):
        world = self.world
        key = world.opened()
        for amount in "123":
            world.run("alice", [self._pay(key.public_key, amount)])
        first = self._records(self.server.payments().for_account(key.public_key))[0]
        stream = self.server.payments().for_account(key.public_key).cursor(first["paging_token"]).stream()
        equal([next(stream)["amount"] for _ in range(3)], ["1.0000000", "2.0000000", "3.0000000"])

    def pages_lead_to_the_next_and_back(self):
        builder = self.server.operations().for_account(self.world.id("alice")).limit(5)
        first = [record["id"] for record in self._records(builder)]
        second = [record["id"] for record in builder.next()["_embedded"]["records"]]
        equal((len(first), len(second)), (5, 5))
        assert int(second[0]) > int(first[4])
        back = [record["id"] for record in builder.prev()["_embedded"]["records"]]
        equal(back, first[::-1])

    def a_failed_transaction_is_in_history_for_who_asks(self):
        envelope = self.world.tx("alice", [self._pay("carol", "1", self.world.usd)])
        self.world.codes(envelope)
        equal(self.server.transactions().transaction(envelope.hash_hex()).call()["successful"], False)

        def latest(failed):
            builder = self.server.transactions().for_account(self.world.id("alice")).order(desc=True).limit(1)
            return self._records(builder.include_failed(failed))[0]["hash"]

        assert latest(False) != envelope.hash_hex()
        equal(latest(True), envelope.hash_hex())

    def records_come_with_their_transactions_when_joined(self):
        self.world.run("alice", [self._pay("bob")], memo=TextMemo("joined"))
        builder = self.server.payments().for_account(self.world.id("bob")).join("transactions").order(desc=True).limit(1)
        equal(self._records(builder)[0]["transaction"]["memo"], "joined")

    def data_entries_are_kept(self):
        self.world.run("bob", [ManageData("greeting", "hello")])
        value = self.server.data(self.world.id("bob"), "greeting").call()["value"]
        equal(base64.b64decode(value), b"hello")

    def an_issuer_takes_back_what_it_reserved_to_take_back(self):
        world, kyc = self.world, self.world.kyc
        world.run("guard", [Clawback(kyc, world.id("dave"), "40")])
        equal(world.balance("dave", kyc), "60.0000000")
        clear, keep = TrustLineFlags.AUTHORIZED_FLAG, TrustLineFlags.AUTHORIZED_TO_MAINTAIN_LIABILITIES_FLAG
        world.run("guard", [SetTrustLineFlags(world.id("dave"), kyc, clear_flags=clear, set_flags=keep)])
        line = world.account("dave")["balances"][0]
        equal((line["is_authorized"], line["is_authorized_to_maintain_liabilities"]), (False, True))

    def a_sequence_number_is_bumped(self):
        key = self.world.opened()
        to = self.server.load_account(key.public_key).sequence + 1000
        self.world.run(key, [BumpSequence(to)])
        equal(self.server.load_account(key.public_key).sequence, to)

    def a_memo_that_the_receiver_demands_is_missed_before_anything_is_sent(self):
        key = self.world.opened()
        self.world.run(key, [ManageData("config.memo_required", "1")])
        envelope = self.world.tx("alice", [self._pay(key.public_key)])
        refused(AccountRequiresMemoError, lambda: self.server.submit_transaction(envelope))

    def ledgers_fees_and_the_root_say_the_same_of_the_network(self):
        latest, before = self._records(self.server.ledgers().order(desc=True).limit(2))
        equal(latest["prev_hash"], before["hash"])
        equal(self.server.fee_stats().call()["last_ledger_base_fee"], "100")
        equal(self.server.fetch_base_fee(), 100)


def cases(world):
    """Name → what is done."""
    all_of = Cases(world)
    return {name.replace("_", " "): getattr(all_of, name) for name in vars(Cases) if not name.startswith("_")}
