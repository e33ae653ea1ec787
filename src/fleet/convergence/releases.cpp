#include "fleet/convergence/releases.h"

#include <algorithm>

#include "base/log.h"

namespace mw::convergence {
namespace {

std::string family_of(const Resource& resource) {
    return find_string(resource.spec, resource.kind == "Firmware" ? "product" : "model")
        .value_or("");
}

std::string file_of(const Resource& resource) {
    return find_string(resource.spec, resource.kind == "Firmware" ? "file" : "bundle").value_or("");
}

std::uint64_t counter_of(const Resource& resource) {
    const auto counter = find_integer(resource.status, "release_counter");
    return counter && *counter > 0 ? static_cast<std::uint64_t>(*counter) : 0;
}

std::uint64_t size_of_file(const Resource& resource) {
    for (const auto size :
         {find_integer(resource.spec, "size"), find_integer(resource.status, "release_size")})
        if (size && *size > 0) return static_cast<std::uint64_t>(*size);
    return 0;
}

// The same text and signature each time: Ed25519 takes no randomness.
Result<std::optional<Word>> word_of(const Resource& resource, const identity::SigningKey& key) {
    const auto issued = find_string(resource.status, "released_at");
    if (counter_of(resource) == 0 || !issued) return std::optional<Word>{};
    identity::Release release;
    release.artifact = resource.kind;
    release.name = resource.name;
    release.sha256 = file_of(resource);
    release.size = size_of_file(resource);
    release.counter = counter_of(resource);
    TRY(release.issued_at, parse_iso8601(*issued));
    if (resource.kind == "Firmware") {
        release.filename = find_string(resource.spec, "filename").value_or("");
        release.module = find_string(resource.spec, "module").value_or("directory");
    }
    Word word;
    word.counter = release.counter;
    word.release.text = identity::release_text(release);
    TRY(const Bytes signature, key.sign(bytes_of(word.release.text)));
    word.release.signature = to_base64(signature);
    word.release.certificate = to_base64(key.chain());
    return std::optional<Word>{std::move(word)};
}

}  // namespace

std::string version_name(std::string_view model, std::string_view version) {
    return std::string(model) + "--" + std::string(version);
}

Releases::Releases(const Clock& clock, ResourceStore& store, const identity::SigningKey& key,
                   SizeOf size_of)
    : clock_(clock), store_(store), key_(key), size_of_(std::move(size_of)) {}

void Releases::learn(const Resource& resource) {
    Known& known = known_[{resource.kind, resource.name}];
    if (known.resource.revision > resource.revision) return;
    known.resource = resource;
    known.trouble.clear();
    auto word = word_of(resource, key_);
    if (word)
        known.word = *std::move(word);
    else
        known.trouble = word.error().message;
    std::uint64_t& highest = highest_[{resource.kind, family_of(resource)}];
    highest = std::max(highest, counter_of(resource));
}

void Releases::forget(const Resource& resource) { known_.erase({resource.kind, resource.name}); }

const Releases::Known* Releases::known(std::string_view kind, const std::string& name) const {
    const auto found = known_.find({std::string(kind), name});
    return found == known_.end() ? nullptr : &found->second;
}

const Resource* Releases::find(std::string_view kind, const std::string& name) const {
    const Known* found = known(kind, name);
    return found ? &found->resource : nullptr;
}

const Word* Releases::word(std::string_view kind, const std::string& name) const {
    const Known* found = known(kind, name);
    return found && found->word ? &*found->word : nullptr;
}

const std::string* Releases::why(std::string_view kind, const std::string& name) const {
    const Known* found = known(kind, name);
    return found && !found->trouble.empty() ? &found->trouble : nullptr;
}

Task<JsonObject> Releases::next_status(std::string kind, std::string name, std::uint64_t floor) {
    const Known* version = known(kind, name);
    if (!version) co_return Error{Errc::not_found, kind + " '" + name + "' is gone"};
    const std::string family = family_of(version->resource);
    JsonObject status;
    if (size_of_file(version->resource) == 0) {
        if (!size_of_)
            co_return Error{Errc::invalid_input, kind + " '" + name + "' has no spec.size"};
        std::string file = file_of(version->resource);
        CO_TRY(const std::uint64_t size, co_await size_of_(std::move(file)));
        status["release_size"] = size;
    }
    std::uint64_t& highest = highest_[{kind, family}];
    highest = std::max(highest, floor) + 1;
    status["release_counter"] = highest;
    status["released_at"] = to_iso8601(clock_.now());
    co_return status;
}

Task<> Releases::issue(std::string kind, std::string name, std::uint64_t floor) {
    if (!issuing_.insert({kind, name}).second) co_return Result<>{};
    auto status = co_await next_status(kind, name, floor);
    Result<> outcome;
    if (status) {
        AuditNote note{"hub", "release.sign",
                       name + ", statement " + to_json(status->at("release_counter")), "A.8.32"};
        auto written =
            co_await store_.merge_status(kind, name, *std::move(status), std::move(note));
        if (!written) outcome = std::move(written).error();
    } else {
        outcome = std::move(status).error();
    }
    issuing_.erase({kind, name});
    if (!outcome && outcome.error().code != Errc::cancelled) {
        log::warn("convergence.release.not_signed",
                  {{"name", name}, {"reason", outcome.error().message}});
        if (const auto found = known_.find({kind, name}); found != known_.end())
            found->second.trouble = outcome.error().message;
    }
    co_return outcome;
}

}  // namespace mw::convergence
