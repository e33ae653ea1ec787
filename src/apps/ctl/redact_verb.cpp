// audit redact: takes people out of facts, for good reasons that are written down.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>

#include "apps/ctl/command.h"
#include "trust/audit/audit.h"

namespace mw::ctl {
namespace {

struct RedactArguments {
    std::vector<std::uint64_t> facts;
    std::string actor, why;
    bool yes = false;
};

// Facts of somebody that can still be redacted, oldest first.
Result<std::vector<std::uint64_t>> facts_of_actor(Hub& hub, const std::string& actor) {
    std::vector<std::uint64_t> sequences;
    std::string after = "0";
    for (;;) {
        TRY(const Json page,
            hub.get("/v1/audit", {{"actor", actor}, {"after", after}, {"limit", "5000"}}));
        for (const Json& item : page.at("items").as_array())
            if (find_integer(item, "version") == 3 &&
                find_string(item, "action") != audit::action::audit_redacted)
                sequences.push_back(
                    static_cast<std::uint64_t>(find_integer(item, "sequence").value_or(0)));
        if (find_bool(page, "end").value_or(true)) return sequences;
        after = cell(page, "next");
    }
}

Result<> redact_facts(Context& context, const RedactArguments& a) {
    if (a.facts.empty() == a.actor.empty())
        return Error{Errc::invalid_input, "want numbers of facts, or --actor for all facts of one"};
    TRY(Hub * hub, context.hub());
    auto sequences = a.facts;
    if (!a.actor.empty()) {
        TRY(sequences, facts_of_actor(*hub, a.actor));
    }
    if (!a.yes)
        return Error{Errc::invalid_input,
                     std::to_string(sequences.size()) +
                         " facts would lose actor, name and detail, and never get them back. "
                         "Next step: the same with --yes"};
    std::size_t done = 0;
    while (done < sequences.size()) {
        JsonArray some;
        for (; done < sequences.size() && some.size() < audit::redacted_at_once; ++done)
            some.push_back(sequences[done]);
        JsonObject body{{"sequences", std::move(some)}, {"why", a.why}};
        TRY_VOID(hub->send(http::Method::post, "/v1/audit:redact", std::move(body)));
    }
    std::cout << "redacted " << done << " facts; the log still verifies: millwright audit verify\n";
    return {};
}

}  // namespace

void add_redact_verb(CLI::App& audit, Context& context) {
    auto* redact = audit.add_subcommand(
        "redact", "take actor, name and detail out of facts; hashes and heads stay as they are");
    auto a = std::make_shared<RedactArguments>();
    redact->add_option("facts", a->facts, "numbers of facts");
    redact->add_option("--actor", a->actor, "or all facts of somebody, as user:ada");
    redact->add_option("--why", a->why, "for the fact that this leaves; names nobody")->required();
    redact->add_flag("--yes", a->yes, "do it; it can't be undone");
    redact->footer(
        "Copies elsewhere (exports, backups, audit.forward) stay as they are. Example:\n"
        "  millwright audit redact --actor user:ada --why 'request 2026-17' --yes");
    redact->callback([&context, a] { context.run([&] { return redact_facts(context, *a); }); });
}

}  // namespace mw::ctl
