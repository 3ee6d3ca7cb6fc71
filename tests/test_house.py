"""The house is as ARCHITECTURE.md says, and nothing in it is without a test."""

import ast
import re
from pathlib import Path

import pytest

import generated_docs
from sidecar.config.loading import load

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
MODULES = sorted(
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    for path in (ROOT / "sidecar").rglob("*.py")
    if path.name not in {"__init__.py", "__main__.py"}
)

# Neither imported by a test nor with a test file of their own name: what tests them instead, and why that is enough.
TESTED_THROUGH = {
    "sidecar.app": ("cli/test_cli_serve.py", "the composition root is tested as the process that it is"),
    "sidecar.cli.demo.play": ("cli/test_cli_demo.py", "the running part of `demo`"),
    "sidecar.cli.listening": ("cli/test_cli_listen.py", "the running part of `listen`"),
    "sidecar.cli.offline": ("cli/test_cli_records.py", "every command runs with --offline as well"),
    "sidecar.cli.process": ("cli/test_cli_serve.py", "signals and exit codes, tested as the process that it is"),
    "sidecar.cli.receiver": ("cli/test_cli_listen.py", "the server behind `listen` and `demo`"),
    **{
        f"sidecar.dialects.{name}": (
            "dialects/test_registry_receivers.py",
            "as whole requests, against the rules of those who read them",
        )
        for name in ("acr", "dockerhub", "ghcr", "jfrog", "nexus")
    },
    "sidecar.dialects.templating.trials": ("dialects/test_template.py", "what it finds is told as options are read"),
    "sidecar.dialects.templating.rules": (
        "dialects/test_template_rules.py",
        "what it does is refuse, as a template is read",
    ),
    "sidecar.config.defaults": ("config/test_loading.py", "one step of reading a file"),
    "sidecar.config.keypairs": ("config/test_transports.py", "public keys are read where a whole file is"),
    "sidecar.config.headers": ("config/test_bad_files.py", "what it does is refuse, one bad file for each way"),
    "sidecar.config.places": ("config/test_bad_files.py", "what it does is refuse, one bad file for each way"),
    "sidecar.config.registries": ("config/test_loading.py", "one step of reading a file"),
    "sidecar.config.subscriptions": ("config/test_loading.py", "one step of reading a file"),
    "sidecar.config.quotas": ("config/test_loading.py", "one step of reading a file"),
    "sidecar.config.texts": ("config/test_bad_files.py", "what it does is refuse, one bad file for each way"),
    "sidecar.config.inboxes": ("config/test_bad_files.py", "what it does is refuse, one bad file for each way"),
    "sidecar.config.intake": ("config/test_loading.py", "one step of reading a file"),
    "sidecar.dialects.telling_jobs": ("dialects/test_golden.py", "each event has its golden file in each chat"),
    "sidecar.dialects.telling_scans": ("dialects/test_golden.py", "each event has its golden file in each chat"),
    "sidecar.cli.recognise_chats": ("cli/test_recognise.py", "one table of shapes that are recognised"),
    "sidecar.dialects.dtr_scans": ("dialects/test_golden.py", "each word has its golden files"),
    "sidecar.dialects.harbor_scans": ("dialects/test_golden.py", "each word has its golden files"),
    "sidecar.dialects.quay_texts": ("dialects/test_quay_methods.py", "each text stands in what a method sends"),
    "sidecar.ports.authorized": ("stores/test_every_store_authorized.py", "what every store promises of it"),
    "sidecar.stores.sqlite.authorized": ("stores/test_every_store_authorized.py", "what every store promises of it"),
    "sidecar.web.vendors.quay_emails": ("web/vendors/test_quay_methods_api.py", "asked over real connections"),
    "sidecar.dialects.quay_scans": ("dialects/test_golden.py", "each word has its golden files"),
    "sidecar.intake.cyclonedx": ("intake/test_intake_scans.py", "lists that scanners really made are read"),
    "sidecar.intake.harbor_report": ("intake/test_intake_scans.py", "read as Harbor's API and its scanners give it"),
    "sidecar.intake.outcome": ("intake/test_intake_scans.py", "each way to end, and each way to say it wrong"),
    "sidecar.intake.purl": ("intake/test_images.py", "a package URL is one of an image's names"),
    "sidecar.intake.scans": ("intake/test_intake_scans.py", "what every report goes through"),
    "sidecar.intake.spdx": ("intake/test_intake_scans.py", "a list that a scanner really made is read"),
    "sidecar.stores.sqlite.scans": ("stores/test_every_store_scans.py", "a list that every store gives"),
    "sidecar.web.scans": ("web/test_web_scans.py", "asked over real connections"),
    "sidecar.dialects.dtr_jobs": ("dialects/test_golden.py", "each word has its golden files"),
    "sidecar.dialects.harbor_jobs": ("dialects/test_golden.py", "each word has its golden files"),
    "sidecar.dialects.plausible": ("dialects/test_every_dialect.py", "every word is said of the samples"),
    "sidecar.config.users": ("config/test_accounts.py", "who a file lets in; what it refuses has a bad file each"),
    "sidecar.config.grouping": ("config/test_groups.py", "one step of reading a subscription"),
    "sidecar.pipeline.patience": ("pipeline/test_translator.py", "how the translator waits for a store that is away"),
    "sidecar.config.expiry": ("config/test_loading.py", "one step of reading a file"),
    "sidecar.dialects.quay_expiry": ("dialects/test_quay.py", "one of Quay's words; its bytes are golden"),
    "sidecar.dialects.allowance": ("dialects/test_template_hostile.py", "what is shared is seen where much is wanted"),
    "sidecar.domain.expiring": ("pipeline/test_expiring.py", "what it does is seen over days, through the pipeline"),
    "sidecar.pipeline.reading": ("pipeline/test_translator.py", "every record that is translated is read"),
    "sidecar.ports.expiries": ("pipeline/test_expiring.py", "what it promises is what looks through tags stand on"),
    "sidecar.domain.pulled": ("domain/test_pulls.py", "the rules of pulls are tested as the events that they come to"),
    "sidecar.pipeline.standing": ("pipeline/test_subscribing.py", "what stands is what the verbs answer and change"),
    "sidecar.pipeline.telling": ("pipeline/test_translator.py", "what is told is what the translator's observer hears"),
    "sidecar.telemetry.backlogs": ("test_app.py", "the gauges of a sidecar at work"),
    "sidecar.config.mail": (
        "config/test_mail_settings.py",
        "one step of reading a file; its refusals have a bad file each",
    ),
    "sidecar.domain.mail": ("outbound/test_mail.py", "what is known of a server is what mail is handed in by"),
    "sidecar.outbound.replies": ("outbound/test_mail.py", "each reply is one that a server gave"),
    "sidecar.outbound.smtp": ("outbound/test_mail.py", "each step is one that a server refused"),
    "sidecar.ports.mail": ("outbound/test_mail.py", "what it promises is what mail of our own comes to"),
    "sidecar.outbound.pools": ("outbound/test_tls.py", "connections are counted by the servers that they reach"),
    "sidecar.outbound.failures": ("outbound/test_sender_failures.py", "each failure is met on the wire"),
    "sidecar.stores.sqlite.parts": ("stores/test_every_store.py", "what every part of a store is given by the whole"),
    "sidecar.stores.sqlite.copying": ("stores/test_sqlite_backup.py", "every backup and upgrade is a copy"),
    "sidecar.ports.madebook": ("stores/test_every_store_made.py", "a port: what it promises is what every store keeps"),
    "sidecar.stores.sqlite.madebook": ("stores/test_every_store_made.py", "the half of the store that APIs ask"),
    "sidecar.stores.sqlite.office": ("stores/test_every_store.py", "the half of the store that operators ask"),
    "sidecar.ports.places": ("stores/test_every_store_places.py", "what it promises is what every store is asked"),
    "sidecar.ports.registries": ("outbound/test_registry_api.py", "what it promises is what its client is asked"),
    "sidecar.ports.usage": ("pipeline/test_weighing.py", "what it promises is what weighing needs to be right"),
    "sidecar.stores.sqlite.usage": ("pipeline/test_weighing.py", "what is kept is compared with a recount"),
    "sidecar.ports.walks": ("stores/test_every_store.py", "what it promises is what every store is asked"),
    "sidecar.ports.inbox": ("stores/test_every_store_inbox.py", "what it promises is what every store is asked"),
    "sidecar.web.console.inbox": ("web/test_console_inbox.py", "pages and forms, asked over real connections"),
    "sidecar.web.openapi.inboxes": ("web/openapi/test_openapi_document.py", "every real answer is held against it"),
    "sidecar.stores.sqlite.rows": ("stores/test_every_store.py", "what goes in must come out of the store alike"),
    "sidecar.stores.sqlite.walkbook": ("stores/test_every_store.py", "the half of the store that walks ask"),
    "sidecar.stores.sqlite.samples": ("stores/test_every_store_samples.py", "one verb of every store"),
    "sidecar.gauges": ("test_app.py", "the gauges of a sidecar at work"),
    "sidecar.managing": ("web/vendors/test_quay_api.py", "joined in a whole sidecar, as the composition root does it"),
    "sidecar.web.vendors.quay": ("web/vendors/test_quay_api.py", "asked over real connections"),
    "sidecar.telemetry.labels": ("telemetry/test_metrics.py", "every label set is read where it is exposed"),
    "sidecar.telemetry.lines": ("telemetry/test_logs.py", "lines are read back as they were written"),
    "sidecar.web.backup": ("web/test_web_backup.py", "asked over real connections"),
    "sidecar.web.errors": ("web/test_api_alike.py", "what it answers is looked at over real connections"),
    "sidecar.web.openapi.answers": ("web/openapi/test_openapi_document.py", "every real answer is held against it"),
    "sidecar.web.openapi.examples": ("web/openapi/test_openapi_document.py", "each is held against its schema"),
    "sidecar.web.openapi.fields": ("web/openapi/test_openapi_document.py", "every real answer is held against them"),
    "sidecar.web.openapi.inventory": ("web/openapi/test_openapi_document.py", "every real answer is held against it"),
    "sidecar.web.openapi.operations": ("web/openapi/test_openapi_document.py", "every call of it is made"),
    "sidecar.web.openapi.parts": ("web/openapi/test_openapi_document.py", "what every call of it is made with"),
    "sidecar.web.openapi.routes": ("web/openapi/test_openapi_page.py", "both are asked for over real connections"),
    "sidecar.web.quarantine": ("web/test_api.py", "its calls are the API's"),
    "sidecar.web.exchange": ("web/test_api.py", "what it refuses is looked at as the API's sentences"),
    "sidecar.web.vendors.harbor.answers": ("web/vendors/test_harbor_api.py", "what all of its answers have in common"),
    "sidecar.web.vendors.harbor.api": ("web/vendors/test_harbor_api.py", "asked over real connections"),
    "sidecar.web.vendors.harbor.desk": ("web/vendors/test_harbor_api.py", "who may, and which project is meant"),
    "sidecar.web.vendors.harbor.projects": ("web/vendors/test_harbor_projects.py", "asked over real connections"),
    "sidecar.web.vendors.harbor.system": ("web/vendors/test_harbor_api.py", "asked over real connections"),
    "sidecar.web.vendors.harbor.times": ("web/vendors/test_harbor_policies.py", "times are looked at where they stand"),
    "sidecar.web.vendors.harbor.webhooks": ("web/vendors/test_harbor_deliveries.py", "asked over real connections"),
    "sidecar.domain.refusals": ("cli/test_cli_records.py", "the sentences are looked at where they are shown"),
    "sidecar.web.console.forms": ("web/test_console_forms.py", "forms are sent over real connections"),
    "sidecar.web.console.pages": ("web/test_console.py", "pages are asked for over real connections"),
    "sidecar.web.status": ("cli/test_cli_status.py", "asked of a sidecar at work, and offline"),
    "sidecar.web.shapes": ("web/test_api.py", "what the API answers is looked at as JSON"),
}


def imported(path: Path) -> set[str]:
    """Everything that a file imports, modules and what is taken from them alike."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
        elif isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
    return found


@pytest.mark.parametrize("name", generated_docs.PARTS["ARCHITECTURE.md"])
def test_what_the_architecture_page_shows_is_the_code(name):
    made = generated_docs.PARTS["ARCHITECTURE.md"][name]()
    assert generated_docs.written("ARCHITECTURE.md", name) == made, "run: make docs"


def test_every_module_says_in_one_line_what_it_is_for():
    modules = [path for path in (ROOT / "sidecar").rglob("*.py") if not generated_docs.purpose(path)]
    assert modules == []


def test_every_module_is_tested():
    """A module is imported by a test, or has a test file of its name in the folder of its package, or is excused."""
    files = [path for path in TESTS.rglob("*.py") if path.parent.name != "bench" and path.name != "generated_docs.py"]
    known = set[str]().union(*(imported(path) for path in files))
    mirrored = {
        (path.parent.name, path.stem.removeprefix("test_").removeprefix(f"{path.parent.name}_")) for path in files
    }
    missing = {
        one for one in MODULES if one not in known and (one.split(".")[1], one.rpartition(".")[2]) not in mirrored
    }
    assert missing - TESTED_THROUGH.keys() == set(), "write tests/<package>/test_<module>.py, or say what tests it"


def test_excuses_are_for_modules_and_tests_that_exist():
    assert TESTED_THROUGH.keys() <= set(MODULES)
    assert [file for file, _ in TESTED_THROUGH.values() if not (TESTS / file).is_file()] == []


def test_test_files_have_names_of_their_own():
    """Without packages under tests/ two files of one name would be one module."""
    names = [
        path.name
        for path in TESTS.rglob("*.py")
        if path.name not in {"conftest.py", "__main__.py"} and path.parent.name != "bench"
    ]
    assert sorted(names) == sorted(set(names))


def test_the_example_configuration_loads():
    settings = load(ROOT / "config.example.yml", {})
    assert settings.warnings == ()


def test_nothing_is_left_to_do_in_the_code():
    """No reminders, no stubs: what is not there is not there, and the configuration refuses it by name."""
    reminder = re.compile(r"\b(T[O]DO|F[I]XME|X[X]X)\b|NotImplemented[E]rror|pytest\.s[k]ip")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in ("sidecar", "tests")
        for path in (ROOT / folder).rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if reminder.search(line)
    ]
    assert found == []
