#pragma once
// Four eyes. judge() is pure; the rest belongs to the control loop.

#include <string>
#include <string_view>
#include <vector>

#include "domain/resource_store.h"
#include "trust/policy/policy.h"

namespace mw::approvals {

struct Subject {
    std::string kind;
    std::string name;
};

struct Verdict {
    bool given = false;                // every role said yes
    bool rejected = false;             // somebody said no
    std::vector<std::string> missing;  // roles without a yes
    std::string says;  // a sentence: who approved, who is missing, what did not count
};

// Is the subject, as it is at `generation`, approved for `what` by each of the roles, by people
// other than `author` ("user:ann"; empty: by anyone)? Of a person's several words in a role the
// newest counts; one no outweighs every yes. No roles: given.
Verdict judge(const std::vector<Resource>& approvals, const Subject& subject,
              std::uint64_t generation, std::string_view what,
              const std::vector<std::string>& roles, std::string_view author);

// Every Approval of the subject, oldest first.
Task<std::vector<Resource>> approvals_of(ResourceStore& store, Subject subject);

// Admission of kind Approval. `store` and `accounts` outlive the task.
Task<Resource> admit(ResourceStore& store, const policy::Accounts& accounts,
                     policy::AdmissionRequest request);

}  // namespace mw::approvals
