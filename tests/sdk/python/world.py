"""Accounts on a sandbox, in the situations that the cases need."""

import requests
from stellar_sdk import (
    Account, Asset, AuthorizationFlag, Keypair, NoneMemo, Server, Signer, TransactionBuilder, TrustLineFlags,
)
from stellar_sdk import (
    BeginSponsoringFutureReserves, ChangeTrust, CreateAccount, EndSponsoringFutureReserves, ManageData, ManageSellOffer, Payment,
    SetOptions, SetTrustLineFlags,
)
from stellar_sdk.exceptions import BadRequestError, NotFoundError

FEE = 1000
NAMES = "issuer guard alice bob carol dave maker poor fixed patron shared nobody".split()


class World:
    def __init__(self, url):
        self.url = url
        self.server = Server(url)
        self.passphrase = self.server.root().call()["network_passphrase"]
        self.keys = {name: Keypair.random() for name in NAMES}
        self.usd = Asset("USD", self.id("issuer"))
        self.eur = Asset("EUR", self.id("issuer"))
        self.kyc = Asset("CERTIFIED", self.id("guard"))
        self._furnish()

    def id(self, name):
        return self.keys[name].public_key

    def key(self, who):
        return self.keys[who] if isinstance(who, str) else who

    def _sequence(self, account):
        try:
            return self.server.load_account(account).sequence
        except NotFoundError:
            return 0

    def tx(self, source, operations, *, signers=None, sequence=0, fee=FEE, memo=None, arrange=None):
        """A signed transaction; signed by its source unless said otherwise."""
        account = self.key(source).public_key
        builder = TransactionBuilder(Account(account, self._sequence(account) + sequence), self.passphrase, base_fee=fee)
        builder.add_memo(memo or NoneMemo())
        if arrange:
            arrange(builder)
        if builder.time_bounds is None:
            builder.set_timeout(300)
        for operation in operations:
            builder.append_operation(operation)
        envelope = builder.build()
        for signer in [source] if signers is None else signers:
            envelope.sign(self.key(signer))
        return envelope

    def submit(self, envelope):
        return self.server.submit_transaction(envelope, skip_memo_required_check=True)

    def befriend(self, account):
        """Friendbot's answer; the SDK leaves asking it to its user."""
        return requests.get(f"{self.url}/friendbot", params={"addr": account}, timeout=60)

    def run(self, source, operations, **options):
        return self.submit(self.tx(source, operations, **options))

    def codes(self, envelope):
        """The codes of a transaction that must be refused."""
        try:
            answer = self.submit(envelope)
        except BadRequestError as error:
            assert error.type == "https://stellar.org/horizon-errors/transaction_failed", error
            return error.extras["result_codes"]
        raise AssertionError(f"accepted: {answer['hash']}")

    def account(self, who):
        return self.server.accounts().account_id(self.key(who).public_key).call()

    def balance(self, who, asset):
        for line in self.account(who)["balances"]:
            if asset.is_native() and line["asset_type"] == "native":
                return line["balance"]
            if (line.get("asset_code"), line.get("asset_issuer")) == (asset.code, asset.issuer):
                return line["balance"]
        return None

    def opened(self, starting_balance="100", funder="alice"):
        """A new account with XLM from another."""
        key = Keypair.random()
        self.run(funder, [CreateAccount(key.public_key, starting_balance)])
        return key

    def _furnish(self):
        for name in ["issuer", "guard", "alice"]:
            self.befriend(self.id(name)).raise_for_status()
        rich = ["bob", "carol", "dave", "maker", "fixed", "patron", "shared"]
        create = [CreateAccount(self.id(name), "100") for name in rich]
        self.run("alice", [*create, CreateAccount(self.id("poor"), "1.4")])
        guarded = (
            AuthorizationFlag.AUTHORIZATION_REQUIRED
            | AuthorizationFlag.AUTHORIZATION_REVOCABLE
            | AuthorizationFlag.AUTHORIZATION_CLAWBACK_ENABLED
        )
        immutable = AuthorizationFlag.AUTHORIZATION_IMMUTABLE
        authorized = TrustLineFlags.AUTHORIZED_FLAG
        trusts = [("alice", self.usd, None), ("bob", self.usd, "10"), ("maker", self.usd, None), ("maker", self.eur, None)]
        trusts += [("alice", self.kyc, None), ("dave", self.kyc, None)]
        pays = [("issuer", "alice", self.usd, "1000"), ("issuer", "maker", self.usd, "500"), ("guard", "dave", self.kyc, "100")]
        self.run(
            "issuer",
            [
                SetOptions(set_flags=guarded, source=self.id("guard")),
                SetOptions(set_flags=immutable, source=self.id("fixed")),
                SetOptions(
                    low_threshold=1, med_threshold=2, high_threshold=2,
                    signer=Signer.ed25519_public_key(self.id("bob"), 1), source=self.id("shared"),
                ),
                *[ChangeTrust(asset, limit, source=self.id(name)) for name, asset, limit in trusts],
                SetTrustLineFlags(self.id("dave"), self.kyc, set_flags=authorized, source=self.id("guard")),
                *[Payment(self.id(to), asset, amount, source=self.id(name)) for name, to, asset, amount in pays],
                ManageSellOffer(self.usd, Asset.native(), "200", "2", source=self.id("maker")),
                BeginSponsoringFutureReserves(self.id("carol"), source=self.id("patron")),
                ManageData("sponsored", "by patron", source=self.id("carol")),
                EndSponsoringFutureReserves(source=self.id("carol")),
            ],
            signers=["issuer", "guard", "alice", "bob", "carol", "dave", "maker", "fixed", "patron", "shared"],
        )
