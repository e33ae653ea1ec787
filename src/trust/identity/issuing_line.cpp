#include "trust/identity/issuing_line.h"

#include <algorithm>

#include "base/log.h"
#include "trust/identity/key_places.h"
#include "trust/identity/pki_files.h"

namespace mw::identity {
namespace {

constexpr unsigned former_mode = 0644;

std::string in_pki(const IssuingLine::Pki& pki, const std::string& name) {
    return files::join(pki.options.directory, name);
}

std::string called(const IssuerOrder& order) {
    return order.name.empty() ? "the issuing authority"
                              : "the issuing authority '" + order.name + "'";
}

// What people type for it.
std::string by_hand(const IssuerOrder& order) {
    return "millwright ca request" + (order.name.empty() ? "" : " --authority " + order.name) +
           ", sign, install";
}

}  // namespace

Result<IssuingLine> IssuingLine::open(const Pki& pki, const Root& root, IssuerOrder order) {
    IssuingLine line;
    line.order_ = std::move(order);
    TRY_VOID(line.read_former(pki));
    TRY_VOID(line.read(pki, root));
    return line;
}

Result<> IssuingLine::read(const Pki& pki, const Root& root) {
    const std::string stem = in_pki(pki, LineFiles{order_.name}.stem());
    TRY(auto pair, read_pair(pki.files, stem, pki.options.token));
    if (!pair.certificate) return make(pki, root, std::move(pair.key));
    if (!pair.key) return does_not_fit(stem + ".key", "it is missing and its .pem is there");
    TRY(const auto trust, crypto::TrustStore::make({&root.certificate, 1}));
    if (auto verified = trust.verify(*pair.certificate, pki.clock.now()); !verified)
        return does_not_fit(stem + ".pem", verified.error().message);
    const Purposes left = order_.purposes.within(allowed_by(*pair.certificate));
    if (!(left == order_.purposes))
        return Error{Errc::invalid_input, stem + ".pem allows " + left.text() + " alone, and " +
                                              called(order_) + " is declared for " +
                                              order_.purposes.text() +
                                              ". Next step: " + by_hand(order_)};
    current_ = std::make_shared<const Signing>(
        Signing{*std::move(pair.certificate), *std::move(pair.key)});
    return {};
}

std::string IssuingLine::new_name(const Pki& pki, const Root& root) const {
    std::string name = root.certificate.subject_cn;
    const std::string word = order_.name.empty() ? " issuing " : " " + order_.name + " ";
    if (const auto at = name.find(" root "); at != name.npos)
        name.replace(at, 6, word);
    else
        name += order_.name.empty() ? "" : " " + order_.name;
    if (former_.empty()) return name;
    Bytes tag(2);  // names that differ, as those of roots do
    pki.random.fill(tag);
    return name + " " + to_hex(tag);
}

Result<> IssuingLine::make(const Pki& pki, const Root& root,
                           std::optional<crypto::PrivateKey> key) {
    const std::string stem = in_pki(pki, LineFiles{order_.name}.stem());
    if (!root.key)
        return Error{order_.name.empty() ? Errc::corrupt : Errc::not_found,
                     in_pki(pki, "root.key") + ": it is needed to make " + called(order_) +
                         ". Put it back, or: " + by_hand(order_)};
    if (!key) {
        TRY(key, make_key(pki.files, stem));
    }
    const Timestamp now = pki.clock.now();
    crypto::CertificateOrder order{
        crypto::Profile::issuing_ca,
        new_name(pki, root),
        {},
        now - pki.options.clock_slack,
        std::min(now + pki.options.issuing_lifetime, root.certificate.not_after)};
    order.authority_uses = order_.purposes.uses();
    TRY(auto made,
        crypto::issue(order, key->public_key().spki(), {root.certificate, *root.key}, pki.random));
    TRY_VOID(write_certificate(pki.files, stem, made));
    current_ = std::make_shared<const Signing>(Signing{std::move(made), *std::move(key)});
    log::info("identity.issuing.made",
              {{"name", certificate().subject_cn}, {"for", order_.purposes.text()}});
    return {};
}

Result<> IssuingLine::read_former(const Pki& pki) {
    const LineFiles names{order_.name};
    const std::string path = in_pki(pki, names.former());
    TRY(const auto text, read_text(pki.files, path, pem_bytes_max));
    if (!text) return {};
    auto all = crypto::certificates_from_pem(*text);
    if (!all) return does_not_fit(path, all.error().message);
    for (auto& each : *all) {
        if (each.not_after < pki.clock.now()) continue;
        auto pair =
            read_pair(pki.files, in_pki(pki, names.stem() + "-" + each.serial), pki.options.token);
        if (!pair || !pair->key)  // it lets in all the same; nobody hears of what is revoked of it
            log::warn("identity.former.no_key",
                      {{"name", each.subject_cn},
                       {"reason", pair ? "its key is not there" : pair.error().message}});
        former_.push_back({std::move(each), pair ? std::move(pair->key) : std::nullopt});
    }
    return {};
}

Result<bool> IssuingLine::renew_if_due(const Pki& pki, const Root& root) {
    const crypto::Certificate& now_used = certificate();
    if (!order_.issues || pki.clock.now() + pki.options.issuing_renewal < now_used.not_after)
        return false;
    // The root's own end is as far as anything goes.
    if (root.certificate.not_after - now_used.not_after < pki.options.issuing_renewal) return false;
    const std::string ends = called(order_) + " ends at " + to_iso8601(now_used.not_after) + "; ";
    if (!root.key)
        return Error{Errc::denied,
                     ends + "put " + in_pki(pki, "root.key") + " back to make the next one"};
    const LineFiles names{order_.name};
    const std::string stem = in_pki(pki, names.stem());
    TRY(const auto elsewhere, key_uri(pki.files, stem));
    if (elsewhere)
        return Error{Errc::denied,
                     ends + "its key is at " + *elsewhere +
                         ", so the next one is for people to make: " + by_hand(order_)};
    // What is to be trusted is on disk before anything goes. Cut short in between, the next start
    // makes the new one.
    if (std::ranges::find(former_, now_used, &Former::certificate) == former_.end())
        former_.push_back({now_used, current_->key});
    std::vector<crypto::Certificate> all;
    for (const Former& each : former_) all.push_back(each.certificate);
    TRY_VOID(files::atomic_replace(pki.files, in_pki(pki, names.former()),
                                   bytes_of(crypto::to_pem(all)), former_mode));
    // Its key stays, to sign lists of what it issued.
    TRY_VOID(rename_pair(pki.files, stem, stem + "-" + now_used.serial));
    TRY_VOID(read(pki, root));
    return true;
}

std::vector<Vouching> IssuingLine::vouching() const {
    std::vector<Vouching> all{{certificate(), order_.purposes}};
    for (const Former& each : former_) all.push_back({each.certificate, order_.purposes});
    return all;
}

}  // namespace mw::identity
