#include <algorithm>
#include <map>

#include "business/approvals/approvals.h"

namespace mw::approvals {
namespace {

struct Word {
    bool yes = false;
    bool counts = true;  // false: it is the author's own
    std::string reason;
};
using Words = std::map<std::string, Word>;  // by person

bool is_about(const Resource& approval, const Subject& subject, std::string_view what) {
    return find_string(approval.spec, "subject.kind") == subject.kind &&
           find_string(approval.spec, "subject.name") == subject.name &&
           find_string(approval.spec, "what") == what;
}

bool is_older(const Resource* a, const Resource* b) {
    return std::pair(a->created, a->revision) < std::pair(b->created, b->revision);
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

// What each person last said in the role; approvals are oldest first.
Words words_in(const std::vector<const Resource*>& approvals, const std::string& role,
               std::string_view author) {
    Words words;
    for (const auto* approval : approvals) {
        if (find_string(approval->spec, "role") != role) continue;
        const auto by = find_string(approval->status, "by");
        if (!by) continue;  // nobody stands behind it
        const bool yes = find_string(approval->spec, "verdict").value_or("approve") == "approve";
        words[*by] = {yes, !yes || *by != author,
                      find_string(approval->spec, "reason").value_or("")};
    }
    return words;
}

}  // namespace

Verdict judge(const std::vector<Resource>& approvals, const Subject& subject,
              std::uint64_t generation, std::string_view what,
              const std::vector<std::string>& roles, std::string_view author) {
    std::vector<const Resource*> current;
    std::size_t stale = 0;
    for (const auto& approval : approvals) {
        if (approval.kind != "Approval" || !is_about(approval, subject, what)) continue;
        const auto looked_at = find_integer(approval.spec, "generation");
        const bool fresh = looked_at && std::uint64_t(*looked_at) == generation;
        fresh ? current.push_back(&approval) : void(++stale);
    }
    std::ranges::sort(current, is_older);

    Verdict verdict;
    std::vector<std::string> yes, no, own;
    for (const auto& role : roles) {
        bool approved = false;
        for (const auto& [person, word] : words_in(current, role, author)) {
            const auto said = person + " as " + role;
            if (!word.yes)
                no.push_back(said + (word.reason.empty() ? "" : " (" + word.reason + ")"));
            else if (word.counts)
                yes.push_back(said), approved = true;
            else
                own.push_back(said);
        }
        if (!approved) verdict.missing.push_back(role);
    }
    verdict.rejected = !no.empty();
    verdict.given = !verdict.rejected && verdict.missing.empty();

    const auto thing = subject.kind + " " + subject.name;
    if (roles.empty()) verdict.says = "nobody needs to approve";
    if (!no.empty()) verdict.says = "rejected by " + joined(no);
    const auto add = [&](const std::string& part) {
        verdict.says += (verdict.says.empty() ? "" : "; ") + part;
    };
    if (!yes.empty()) add("approved by " + joined(yes));
    if (!verdict.missing.empty())
        add("no approval of " + thing + " for '" + std::string(what) + "' as " +
            joined(verdict.missing));
    if (!own.empty()) add("an author's own approval does not count: " + joined(own));
    if (stale && !verdict.given)
        add(std::to_string(stale) + " given for another generation than " +
            std::to_string(generation));
    return verdict;
}

}  // namespace mw::approvals
