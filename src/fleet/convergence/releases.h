#pragma once
// What the hub says about versions: one signed statement per ModelVersion and Firmware
// (docs/formats/release.md), shared by every device. Its counter is in the resource's status before
// the statement can be had here. Belongs to the control loop. Limits: one statement per version is
// made at a time.

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "domain/resource_store.h"
#include "trust/identity/identity.h"

namespace mw::convergence {

// Names of ModelVersion and Firmware resources: MODEL--VERSION, PRODUCT--VERSION.
std::string version_name(std::string_view model, std::string_view version);

struct Word {
    std::uint64_t counter = 0;
    identity::SignedRelease release;
};

class Releases {
 public:
    // Bytes of a file that the hub has; for versions whose spec does not say.
    using SizeOf = std::function<Task<std::uint64_t>(std::string sha256)>;
    Releases(const Clock& clock, ResourceStore& store, const identity::SigningKey& key,
             SizeOf size_of = {});

    // ModelVersion or Firmware.
    void learn(const Resource& resource);
    void forget(const Resource& resource);
    const Resource* find(std::string_view kind, const std::string& name) const;
    // Null: nothing was said about it yet, or why() says what stands in the way.
    const Word* word(std::string_view kind, const std::string& name) const;
    const std::string* why(std::string_view kind, const std::string& name) const;

    // A new statement with a counter above `floor` and above all others about its model or product.
    // It can be had once the store has told of the change.
    Task<> issue(std::string kind, std::string name, std::uint64_t floor);

 private:
    using Key = std::pair<std::string, std::string>;
    struct Known {
        Resource resource;
        std::optional<Word> word;
        std::string trouble;
    };
    const Known* known(std::string_view kind, const std::string& name) const;
    Task<JsonObject> next_status(std::string kind, std::string name, std::uint64_t floor);

    const Clock& clock_;
    ResourceStore& store_;
    const identity::SigningKey& key_;
    SizeOf size_of_;
    std::map<Key, Known> known_;
    std::map<Key, std::uint64_t> highest_;  // by kind and model or product
    std::set<Key> issuing_;
};

}  // namespace mw::convergence
