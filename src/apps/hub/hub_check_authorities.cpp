#include "apps/hub/hub_check_authorities.h"

#include <filesystem>
#include <map>

#include "trust/identity/identity.h"

namespace mw::hub {
namespace {

constexpr nanoseconds ends_soon = hours(30 * 24);
constexpr std::size_t authority_file_max = 1 << 20;

class AuthoritiesLook {
 public:
    AuthoritiesLook(const HubOptions& options, Timestamp now) : o_(options), now_(now) {}

    std::vector<Finding> all() {
        identity::AuthorityOptions declared;
        if (!declare_issuers(o_, declared)) return {};  // read_config() said why
        for (const auto& line : identity::all_issuers(declared)) look_at(line);
        look_for_undeclared();
        if (!o_.issuers.empty() || !(declared.purposes == identity::Purposes::all()))
            count_refused();
        return std::move(found_);
    }

 private:
    std::string pki(const std::string& name) const {
        return files::join(o_.directory, "pki/" + name);
    }
    bool is_there(const std::string& name) const {
        std::error_code failed;
        return std::filesystem::exists(pki(name), failed);
    }
    std::vector<crypto::Certificate> read(const std::string& name) {
        const auto pem = files::read_all(files_, pki(name), authority_file_max);
        if (!pem) return {};
        auto all = crypto::certificates_from_pem(text_of(*pem));
        return all ? *std::move(all) : std::vector<crypto::Certificate>{};
    }

    void look_at(const identity::IssuerOrder& line) {
        const bool is_default = line.name.empty();
        const std::string stem = is_default ? "issuing" : "authority-" + line.name;
        auto current = read(stem + ".pem");
        for (const char* former : {"former", ""}) {
            const std::string name = *former ? former + (is_default ? "" : "-" + line.name) : stem;
            for (const auto& each : read(name + ".pem"))
                purposes_[to_hex(each.subject_key_id)] =
                    line.purposes.within(identity::allowed_by(each));
        }
        if (is_default) return;  // hub_check.cpp looks at the file
        const std::string by_hand =
            "millwright ca request --authority " + line.name + ", ca sign, ca install";
        if (current.empty() && is_there("issuing.pem") && !is_there("root.key") &&
            !is_there("root.uri"))
            found_.push_back({Weight::danger, pki(stem + ".pem"),
                              "is not there, and nor is the root's key to make it: the hub will "
                              "not start",
                              by_hand});
        if (current.empty()) return;
        const auto end = current.front().not_after;
        if (end <= now_)
            found_.push_back(
                {Weight::danger, pki(stem + ".pem"), "has ended, " + to_iso8601(end), by_hand});
        else if (end - now_ < ends_soon)
            found_.push_back(
                {Weight::risk, pki(stem + ".pem"), "ends soon, " + to_iso8601(end), by_hand});
    }

    void look_for_undeclared() {
        std::error_code failed;
        std::filesystem::directory_iterator entries(pki(""), failed);
        if (failed) return;
        for (const auto& entry : entries) {
            const std::string name = entry.path().filename().string();
            if (!name.starts_with("authority-") || !name.ends_with(".pem")) continue;
            bool known = false;
            for (const auto& each : o_.issuers)
                known = known || name == "authority-" + each.name + ".pem" ||
                        name.starts_with("authority-" + each.name + "-");
            if (!known)
                found_.push_back({Weight::risk, pki(name),
                                  "hub.yaml does not declare this authority: what it issued is "
                                  "refused",
                                  "declare it in authority.issuing, with issues: false if it is "
                                  "to sign no more; or remove the file"});
        }
    }

    // Who would be locked out by what hub.yaml says.
    void count_refused() {
        std::map<std::string, std::size_t> refused;
        identity::IssuedQuery query;
        query.wanted = [&](const identity::IssuedCertificate& one) {
            const auto by = purposes_.find(one.issuer);
            const identity::Purposes allowed =
                by == purposes_.end() ? identity::Purposes{} : by->second;
            using identity::Purpose;
            const bool person = one.subject.starts_with("user:");
            const bool good = person
                                  ? allowed.has(Purpose::operators)
                                  : allowed.has(Purpose::devices) || allowed.has(Purpose::gateways);
            if (!one.issuer.empty() && one.not_after > now_ && !good &&
                !one.subject.starts_with("signing:"))
                ++refused[person ? "operators" : "devices"];
            return false;
        };
        if (!identity::find_issued(files_, pki("issued.jsonl"), query)) return;
        for (const auto& [kind, count] : refused)
            found_.push_back({Weight::risk, "authority.for",
                              std::to_string(count) + " certificates of " + kind +
                                  " in date were issued by an authority that is not for them: "
                                  "they are refused",
                              "leave the purpose in authority.for until all have renewed"});
    }

    const HubOptions& o_;
    const Timestamp now_;
    files::RealFiles files_;
    std::map<std::string, identity::Purposes> purposes_;  // by key id, hex
    std::vector<Finding> found_;
};

}  // namespace

std::vector<Finding> look_at_authorities(const HubOptions& options, Timestamp now) {
    return AuthoritiesLook(options, now).all();
}

}  // namespace mw::hub
