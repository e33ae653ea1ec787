// audit list, head, export, prove, verify. What is verified is verified here: the hub is not asked
// whether it is honest.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fstream>
#include <iostream>

#include "apps/ctl/command.h"
#include "platform/crypto/crypto.h"
#include "platform/files/files.h"
#include "trust/audit/audit.h"

namespace mw::ctl {
namespace {

using Query = std::vector<std::pair<std::string, std::string>>;

struct AuditArguments {
    std::string kind, name, actor, action, control, since;
    std::string file, root, head, proof;
    std::uint64_t limit = 50, sequence = 0;
    bool all = false;
};

// "2026-11-22T12:00:00Z", or "1h" for an hour ago.
Result<std::string> since_of(const std::string& text) {
    if (parse_iso8601(text)) return text;
    auto ago = parse_duration(text);
    if (!ago)
        return Error{Errc::invalid_input,
                     "--since: want a time as 2026-11-22T12:00:00Z or a duration as 1h"};
    return to_iso8601(RealClock().now() - *ago);
}

Result<Query> list_query(const AuditArguments& a) {
    Query query;
    for (const auto& [key, value] :
         {std::pair{"kind", &a.kind}, std::pair{"name", &a.name}, std::pair{"actor", &a.actor},
          std::pair{"action", &a.action}, std::pair{"control", &a.control}})
        if (!value->empty()) query.emplace_back(key, *value);
    if (!a.since.empty()) {
        TRY(auto since, since_of(a.since));
        query.emplace_back("since", std::move(since));
    }
    if (!a.all) query.emplace_back("newest", "1");
    return query;
}

// The newest `limit` facts, or all: the hub looks at a bounded number per call, so ask on.
Result<JsonArray> facts_of(Hub& hub, const AuditArguments& a) {
    TRY(const auto filters, list_query(a));
    JsonArray found;
    std::string next;
    for (;;) {
        auto query = filters;
        const auto wanted = a.all ? 5'000 : std::min<std::size_t>(a.limit - found.size(), 5'000);
        query.emplace_back("limit", std::to_string(wanted));
        if (!next.empty()) query.emplace_back(a.all ? "after" : "before", next);
        TRY(const Json page, hub.get("/v1/audit", std::move(query)));
        const Json* items = find(page, "items");
        if (!items || !items->is_array())
            return Error{Errc::io_failed, "the hub's list has no items"};
        const auto& got = items->get_array();
        found.insert(a.all ? found.end() : found.begin(), got.begin(), got.end());
        next = cell(page, "next");
        const bool enough = !a.all && found.size() >= a.limit;
        if (enough || find_bool(page, "end").value_or(true)) return found;
    }
}

Result<> list_audit(Context& context, const AuditArguments& a) {
    if (a.limit == 0) return Error{Errc::invalid_input, "--limit: want at least 1"};
    TRY(Hub * hub, context.hub());
    TRY(const Output output, context.output());
    TRY(JsonArray found, facts_of(*hub, a));
    if (output == Output::json || output == Output::yaml)
        return print_json_or_yaml(Json(std::move(found)), output), Result<>{};
    if (found.empty()) return std::cout << "no facts\n", Result<>{};
    Table table{{"FACT", "TIME", "ACTOR", "ACTION", "RESOURCE", "DETAIL", "CONTROLS"}, {}};
    for (const Json& fact : found) {
        const auto kind = find_string(fact, "kind").value_or("");
        table.rows.push_back({cell(fact, "sequence"), cell(fact, "time"), cell(fact, "actor"),
                              cell(fact, "action"),
                              kind.empty() ? "-" : kind + "/" + cell(fact, "name"),
                              cell(fact, "detail"), cell(fact, "controls")});
    }
    std::cout << render(table, terminal_width());
    return {};
}

Result<> show_head(Context& context) {
    TRY(Hub * hub, context.hub());
    TRY(const Json head, hub->get("/v1/audit/head", {{"sign", "1"}}));
    std::cout << to_pretty_json(head) << '\n';
    return {};
}

Result<> export_audit(Context& context, const AuditArguments& a) {
    TRY(Hub * hub, context.hub());
    const auto part = a.file + ".part";
    std::ofstream out(part, std::ios::binary | std::ios::trunc);
    std::uint64_t size = 0;
    const auto take = [&](std::string_view piece) -> Result<> {
        out.write(piece.data(), static_cast<std::streamsize>(piece.size()));
        size += piece.size();
        return out ? Result<>{} : Error{Errc::io_failed, "cannot write '" + part + "'"};
    };
    TRY_VOID(hub->download("/v1/audit/export", take));
    out.close();
    if (!out) return Error{Errc::io_failed, "cannot write '" + part + "'"};
    files::RealFiles files;
    TRY_VOID(files.rename(part, a.file));
    std::cout << "wrote " << a.file << ", " << size << " bytes. Check it anywhere:\n"
              << "  millwright audit verify " << a.file << " --root ROOT.pem\n";
    return {};
}

Result<Json> read_json(const std::string& path) {
    TRY(const auto text, read_file(path));
    return parse_json(text).context(path);
}

Result<Bytes> certificates_of(const Json& document) {
    const auto text = find_string(document, "certificates");
    if (!text)
        return Error{Errc::invalid_input,
                     "certificates: missing; make the file with millwright audit prove or head"};
    return from_base64(*text).context("certificates");
}

Result<> prove(Context& context, const AuditArguments& a) {
    if ((a.sequence == 0) == a.head.empty())
        return Error{Errc::invalid_input,
                     "want the number of a fact, or --head FILE for a proof that today's log "
                     "contains the one of that head. Next step: millwright audit list"};
    TRY(Hub * hub, context.hub());
    if (a.sequence != 0) {
        TRY(const Json proof, hub->get("/v1/audit/proof", {{"sequence", std::to_string(a.sequence)},
                                                           {"certificates", "1"}}));
        std::cout << to_pretty_json(proof) << '\n';
        return {};
    }
    TRY(const Json kept, read_json(a.head));
    TRY(const auto head, audit::head_from_json(kept).context(a.head));
    TRY(const Json grown, hub->get("/v1/audit/consistency", {{"from", std::to_string(head.size)}}));
    const Json proof = JsonObject{{"kind", "AuditGrowth"},
                                  {"from", kept},
                                  {"path", cell(grown, "path")},
                                  {"to", *find(grown, "to")},
                                  {"certificates", cell(grown, "certificates")}};
    std::cout << to_pretty_json(proof) << '\n';
    return {};
}

Result<crypto::TrustStore> trust_of(const Context& context, const AuditArguments& a) {
    std::string pem;
    if (!a.root.empty()) {
        TRY(pem, read_file(a.root));
    } else {
        auto login = context.data_directory.empty()
                         ? load_login(login_path())
                         : login_of_data_directory(context.data_directory);
        if (!login)
            return Error{Errc::invalid_input,
                         "whom to trust? Give the hub's root with --root FILE (its "
                         "DATA/pki/root.pem), or log in first"};
        pem = login->ca;
    }
    TRY(const auto roots, crypto::certificates_from_pem(pem).context("--root"));
    return crypto::TrustStore::make(roots);
}

Result<> verify_proof(const Context& context, const AuditArguments& a, Output output) {
    TRY(const auto trust, trust_of(context, a));
    TRY(const Json document, read_json(a.proof));
    TRY(const auto chain, certificates_of(document).context(a.proof));
    JsonObject says{{"verified", true}};
    if (find_string(document, "kind") == "AuditGrowth") {
        TRY(const auto proof, audit::growth_proof_from_json(document).context(a.proof));
        TRY(const auto own, certificates_of(*find(document, "from")).context("from"));
        TRY_VOID(audit::verify(proof, own, chain, trust));
        says["says"] = "the log of " + std::to_string(proof.to.size) +
                       " facts contains, unchanged, the one of " + std::to_string(proof.from.size) +
                       " facts that was signed at " + to_iso8601(proof.from.time);
    } else {
        TRY(const auto proof, audit::fact_proof_from_json(document).context(a.proof));
        TRY_VOID(audit::verify(proof, chain, trust));
        says["says"] = "fact " + std::to_string(proof.fact.sequence) + " is in the log of " +
                       std::to_string(proof.head.size) + " facts that was signed at " +
                       to_iso8601(proof.head.time) + ": " + proof.fact.actor + " did " +
                       proof.fact.action + " " + proof.fact.kind + " " + proof.fact.name;
    }
    if (output == Output::table) return std::cout << cell(&says["says"]) << '\n', Result<>{};
    return print_json_or_yaml(Json(std::move(says)), output), Result<>{};
}

Result<> feed_file(audit::LogVerifier& verifier, const std::string& path) {
    files::RealFiles files;
    TRY(const auto file, files.open(path, files::Mode::read));
    Bytes piece(std::size_t{1} << 20);
    for (std::uint64_t at = 0;;) {
        TRY(const auto got, file->read_at(at, piece));
        if (got == 0) return {};
        TRY_VOID(verifier.feed(ByteView(piece).first(got)));
        at += got;
    }
}

Result<> verify_log(Context& context, const AuditArguments& a) {
    TRY(const Output output, context.output());
    if (!a.proof.empty()) return verify_proof(context, a, output);
    TRY(const auto trust, trust_of(context, a));
    std::optional<audit::Head> known;
    if (!a.head.empty()) {
        TRY(const Json kept, read_json(a.head));
        TRY(known, audit::head_from_json(kept).context(a.head));
        TRY(const auto chain, certificates_of(kept).context(a.head));
        TRY_VOID(audit::verify_head(*known, chain, trust).context(a.head));
    }
    audit::LogVerifier verifier(&trust, known);
    if (a.file.empty()) {
        TRY(Hub * hub, context.hub());
        const auto take = [&](std::string_view piece) { return verifier.feed(bytes_of(piece)); };
        TRY_VOID(hub->download("/v1/audit/export", take));
    } else {
        TRY_VOID(feed_file(verifier, a.file));
    }
    TRY(const auto verdict, verifier.finish());
    const auto root = to_hex(verdict.last.root);
    if (output != Output::table)
        return print_json_or_yaml(JsonObject{{"verified", true},
                                             {"facts", verdict.facts},
                                             {"heads", verdict.heads},
                                             {"began", to_iso8601(verdict.began)},
                                             {"ended", to_iso8601(verdict.ended)},
                                             {"signed_at", to_iso8601(verdict.last.time)},
                                             {"root", root}},
                                  output),
               Result<>{};
    std::cout << "verified: " << verdict.facts << " facts from " << to_iso8601(verdict.began)
              << " to " << to_iso8601(verdict.ended) << ", " << verdict.heads
              << " signed heads, the last of " << to_iso8601(verdict.last.time) << "\nroot " << root
              << '\n';
    return {};
}

void add_list(CLI::App& audit, Context& context) {
    auto* list = audit.add_subcommand("list", "who did what, newest last");
    auto a = std::make_shared<AuditArguments>();
    list->add_option("--kind", a->kind, "facts about resources of a kind, as Device");
    list->add_option("--name", a->name, "and of this name");
    list->add_option("--actor", a->actor, "as user:ada, device:gw-1, hub");
    list->add_option("--action", a->action, "as create, status, login.refused, rollout.wave");
    list->add_option("--control", a->control, "evidence for a control, as A.8.32");
    list->add_option("--since", a->since, "a time, or how long ago, as 1h");
    list->add_option("-n,--limit", a->limit, "at most so many; the newest");
    list->add_flag("--all", a->all, "all of them");
    add_output_option(*list, context, "table, json, yaml");
    list->footer("Example:\n  millwright audit list --kind Device --name gw-1 --since 24h");
    list->callback([&context, a] { context.run([&] { return list_audit(context, *a); }); });
}

void add_verify(CLI::App& audit, Context& context) {
    auto* verify = audit.add_subcommand(
        "verify", "check every fact, head and signature of an export, or of the hub, here");
    auto a = std::make_shared<AuditArguments>();
    verify->add_option("file", a->file, "from millwright audit export; without it: ask the hub");
    verify->add_option("--root", a->root, "PEM of the hub's root; default: the login's");
    verify->add_option("--head", a->head,
                       "a head kept from before: also finds a cut end and a rewritten past");
    verify->add_option("--proof", a->proof, "check a proof of millwright audit prove instead");
    add_output_option(*verify, context, "table, json, yaml");
    verify->footer(
        "Example, on any machine:\n  millwright audit verify audit.mwaudit --root root.pem --head "
        "head.json\nExit code 0: nothing was changed, removed or moved; else the message names the "
        "first fact that was.");
    verify->callback([&context, a] { context.run([&] { return verify_log(context, *a); }); });
}

}  // namespace

void add_audit_verbs(CLI::App& app, Context& context) {
    auto* audit = app.add_subcommand("audit", "who did what, and proof that nobody changed it");
    audit->require_subcommand(1);
    add_list(*audit, context);

    auto* head = audit->add_subcommand("head", "a signed head of all facts; keep it elsewhere");
    head->footer("Example:\n  millwright audit head > head.json");
    head->callback([&context] { context.run([&] { return show_head(context); }); });

    auto* out = audit->add_subcommand("export", "the whole log, signed, as a file");
    auto a = std::make_shared<AuditArguments>();
    out->add_option("file", a->file, "file to write")->required();
    out->callback([&context, a] { context.run([&] { return export_audit(context, *a); }); });

    auto* proof = audit->add_subcommand("prove", "a short proof for somebody without the log");
    auto b = std::make_shared<AuditArguments>();
    proof->add_option("fact", b->sequence, "prove that this fact is in the log");
    proof->add_option("--head", b->head, "prove that the log of this kept head is in today's");
    proof->footer(
        "Example:\n  millwright audit prove 17 > proof.json\n  millwright audit verify --proof "
        "proof.json --root root.pem");
    proof->callback([&context, b] { context.run([&] { return prove(context, *b); }); });

    add_verify(*audit, context);
    add_redact_verb(*audit, context);
}

}  // namespace mw::ctl
