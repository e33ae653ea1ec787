#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "trust/audit/audit.h"

namespace mw::audit {
namespace {

TEST(AuditEvents, the_document_has_every_id_as_it_is) {
    std::ifstream file(std::string(MW_SOURCE_DIR) + "/docs/formats/audit-events.md");
    std::ostringstream text;
    text << file.rdbuf();
    EXPECT_NE(text.str().find(events_markdown()), std::string::npos)
        << "docs/formats/audit-events.md needs this:\n"
        << events_markdown();
}

TEST(AuditEvents, ids_are_sorted_unique_and_fit_a_syslog_msgid) {
    const auto events = security_events();
    EXPECT_TRUE(std::ranges::is_sorted(events, std::ranges::less_equal{}, &Event::id) &&
                std::ranges::adjacent_find(events, {}, &Event::id) == events.end());
    for (const Event& event : events) {
        EXPECT_LE(event.id.size(), 32u) << event.id;
        EXPECT_EQ(find_event(event.id), &event);
        EXPECT_EQ(event.id.find_first_not_of("abcdefghijklmnopqrstuvwxyz."), event.id.npos);
    }
    EXPECT_EQ(find_event("model.retire"), nullptr);
    EXPECT_EQ(find_event("zzz"), nullptr);
    EXPECT_EQ(severity_of("model.retire"), Severity::info);
    EXPECT_EQ(severity_of("login.refused"), Severity::warning);
}

// Every name that trust itself gives out is in the table.
TEST(AuditEvents, no_action_of_access_and_identity_was_forgotten) {
    for (const auto id :
         {action::login, action::login_refused, action::access_refused, action::token_issued,
          action::tokens_revoked, action::enroll_token_issued, action::enroll,
          action::enroll_refused, action::enroll_requested, action::enroll_approved,
          action::enroll_denied, action::certificate_revoked, action::blob_stored,
          action::mqtt_kick, action::backup_create, action::backup_restore, action::history_delete,
          action::mqtt_trace, action::audit_redacted})
        EXPECT_NE(find_event(id), nullptr) << id;
}

}  // namespace
}  // namespace mw::audit
