#include "device/agent/commands.h"

#include <cstdlib>

#include "base/log.h"
#include "platform/process/process.h"
#include "trust/identity/identity.h"

namespace mw::agent {
namespace {

Result<Json> figures_of(const process::Ended& ended) {
    if (!ended.ok())
        return Error{Errc::invalid_input, "the measuring process " + process::describe(ended)};
    return parse_json(ended.output).context("what the measuring process printed");
}

}  // namespace

Commands::Commands(Parts parts, Options options)
    : parts_(std::move(parts)), options_(std::move(options)) {}

void Commands::accept(std::string id, std::string body) {
    if (waiting_.try_send({id, std::move(body)})) return;
    refuse(id, {Errc::overloaded, "too many commands wait; ask again later"});
}

void Commands::refuse(const std::string& id, const Error& error) {
    log::warn("edge.command.refused", {{"id", id}, {"reason", error.message}});
    parts_.reply(id,
                 to_json(JsonObject{
                     {"ok", false},
                     {"error", {{"code", to_string(error.code)}, {"message", error.message}}}}));
}

Task<> Commands::run() {
    for (;;) {
        CO_TRY(Command command, co_await waiting_.receive());
        auto outcome = co_await carry_out(std::move(command.body));
        if (outcome) {
            parts_.reply(command.id, to_json(*outcome));
            continue;
        }
        if (outcome.error().code == Errc::cancelled) co_return std::move(outcome).error();
        refuse(command.id, outcome.error());
    }
}

Task<Json> Commands::carry_out(std::string body) {
    CO_TRY(Json order, parse_json(body).context("the command"));
    const std::string verb = find_string(order, "verb").value_or("");
    const auto deadline = find_integer(order, "deadline");
    if (!deadline) co_return Error{Errc::invalid_input, "the command has no deadline"};
    const Timestamp now = parts_.clock.now() + parts_.clock_offset();
    if (*deadline <= now.ns)
        co_return Error{Errc::timed_out, "the command came after its deadline"};
    if (verb != "measure")
        co_return Error{Errc::invalid_input,
                        "this agent does not know '" + verb.substr(0, 40) + "'; it knows: measure"};
    auto limit = std::min(Timestamp{*deadline} - now, options_.measure_max);
    auto measuring = measure(std::move(order), limit);
    co_return co_await within(limit, std::move(measuring));
}

// denied unless the release, if the hub gave one, is signed and speaks of this very bundle.
Result<> Commands::verify(const Json& order) const {
    if (!find(order, "release")) return {};
    identity::SignedRelease release;
    TRY(release.text, want_string(order, "release"));
    TRY(release.signature, want_string(order, "signature"));
    TRY(release.certificate, want_string(order, "certificate"));
    TRY(const auto anchors, crypto::certificates_from_pem(options_.anchors_pem));
    TRY(const auto trust, crypto::TrustStore::make(anchors));
    TRY(const auto said, identity::verify_release(release, trust, parts_.clock.now()));
    if (said.sha256 != find_string(order, "bundle"))
        return Error{Errc::denied, "the signed release is of another bundle"};
    return {};
}

Task<Json> Commands::measure(Json order, nanoseconds limit) {
    CO_TRY(const std::string sha256, want_string(order, "bundle"));
    CO_TRY_VOID(verify(order));
    CO_TRY(Bytes bytes, co_await parts_.download(sha256, options_.bundle_bytes_max));
    const std::string folder = files::join(options_.directory, "measure");
    const std::string path = files::join(folder, "bundle.tar");
    auto write = [this, folder, path, bytes = std::move(bytes)]() -> Result<> {
        TRY_VOID(parts_.files.make_directories(folder, 0750));
        return files::atomic_replace(parts_.files, path, bytes);
    };
    CO_TRY_VOID(co_await parts_.workers.run(std::move(write)));
    process::Command command;
    command.arguments = {options_.program, "measure", "--bundle", path};
    command.limit = limit;
    if (const char* library = std::getenv("MILLWRIGHT_ORT"))
        command.environment.push_back(std::string("MILLWRIGHT_ORT=") + library);
    auto ended = co_await process::run(std::move(command));
    auto remove = [this, path] { return parts_.files.remove(path); };
    const auto removed = co_await parts_.workers.run(std::move(remove));
    ignore(removed, "the next measurement replaces it");
    if (!ended) co_return std::move(ended).error();
    CO_TRY(Json figures, figures_of(*ended));
    if (find_string(figures, "bundle") != sha256)
        co_return Error{Errc::corrupt, "the measuring process measured another bundle"};
    log::info("edge.model.measured",
              {{"bundle", sha256},
               {"latency_us_p99", find_number(figures, "latency_us_p99").value_or(0)}});
    co_return Json(JsonObject{
        {"ok", true}, {"verb", "measure"}, {"bundle", sha256}, {"figures", std::move(figures)}});
}

}  // namespace mw::agent
