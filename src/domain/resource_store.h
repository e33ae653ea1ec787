#pragma once
// The seam to where resources live (SQLite now, PostgreSQL later). Belongs to the control loop.
// Every write carries its audit fact, stored in the same transaction.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "domain/reach.h"
#include "domain/resource.h"
#include "platform/loop/loop.h"

namespace mw {

// Who did what from where; the store adds time, kind, name, revision.
struct AuditNote {
    std::string actor;   // "user:admin", "device:gw-1", "hub"
    std::string action;  // "create", "replace", "enroll", ...
    std::string detail;  // one line, no secrets
    // Controls that the fact is evidence for, as "A.8.32,MANAGE 4.1" (ISO/IEC 27001 Annex A, NIST
    // AI RMF).
    std::string controls{};
};

struct ListQuery {
    std::string kind;
    std::string label_selector;  // "site=north,tier!=test": all must hold
    std::string field_selector;  // "spec.asset=pump-1,domain=plant"
    std::size_t limit = 500;
    std::string continue_from;  // opaque
    Reaches reach{};            // only what it reaches
};
struct ResourcePage {
    std::vector<Resource> items;
    std::string continue_from;   // empty: that was the last page
    std::uint64_t revision = 0;  // watch from here to miss nothing
};

// Where a resource stands for who may see it.
struct Standing {
    std::string domain;
    Labels labels;
    bool operator==(const Standing&) const = default;
};

struct ResourceChange {
    enum class What { created, changed, deleted } what = What::changed;
    Resource resource;
    std::optional<Standing> was{};  // before, if the change moved it
};

class ResourceStore {
 public:
    virtual ~ResourceStore() = default;

    virtual Task<Resource> get(std::string kind, std::string name) = 0;
    virtual Task<ResourcePage> list(ListQuery query) = 0;
    virtual Task<Resource> create(Resource resource, AuditNote note) = 0;
    // conflict when resource.revision is not 0 and not the stored one.
    virtual Task<Resource> replace(Resource resource, AuditNote note) = 0;
    // Status only: generation stays, no schema of spec is checked.
    virtual Task<Resource> set_status(std::string kind, std::string name, Json status,
                                      AuditNote note) = 0;
    // Merges top-level keys into the status, atomically; null removes a key. Several writers share
    // a status this way. An outcome that changes nothing writes nothing.
    virtual Task<Resource> merge_status(std::string kind, std::string name, JsonObject changes,
                                        AuditNote note) = 0;
    virtual Task<> remove(std::string kind, std::string name, std::uint64_t revision,
                          AuditNote note) = 0;
    // The outcome that the write would have, by the same checks; nothing is written.
    enum class Deed { create, replace, remove };
    virtual Task<Resource> rehearse(Deed deed, Resource resource) = 0;
    // An audit fact without a resource (a refused login, a refused certificate).
    virtual Task<> note(AuditNote note) = 0;

    // Called on the control loop after commit, in revision order, until the subscription goes.
    using Listener = std::function<void(const ResourceChange&)>;
    virtual std::shared_ptr<void> subscribe(Listener listener) = 0;
    // Changes of a kind after a revision, oldest first; conflict when they were compacted away.
    virtual Task<std::vector<ResourceChange>> changes_since(std::string kind,
                                                            std::uint64_t revision) = 0;
};

}  // namespace mw
