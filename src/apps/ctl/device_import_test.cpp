#include "apps/ctl/device_import.h"

#include <gtest/gtest.h>

namespace mw::ctl {
namespace {

TEST(DeviceImport, columns_become_labels_references_and_paths_of_the_spec) {
    const auto rows = device_rows(
        "\xef\xbb\xbfname,domain,profile,label:line,spec.models.pump.version,spec.enabled\r\n"
        "gw-1,plant,pump,7,\"\"\"2\"\"\",true\r\n"
        "\r\n"
        "gw-2,,\"pump\",\"a, b\",,\r\n",
        "north");
    ASSERT_TRUE(rows.ok()) << rows.error().message;
    ASSERT_EQ(rows->size(), 2u);
    EXPECT_EQ(
        to_json((*rows)[0].device),
        R"({"row":2,"spec":{"profile":"pump","models":{"pump":{"version":"2"}},"enabled":true},)"
        R"("domain":"plant","name":"gw-1","labels":{"line":"7"}})");
    EXPECT_EQ((*rows)[1].line, 4u);
    EXPECT_EQ(to_json((*rows)[1].device),
              R"({"row":4,"spec":{"profile":"pump"},"domain":"north","name":"gw-2",)"
              R"("labels":{"line":"a, b"}})");
    EXPECT_TRUE((*rows)[0].why.empty() && (*rows)[1].why.empty());
}

TEST(DeviceImport, what_is_wrong_with_a_line_stays_with_the_line) {
    const auto rows =
        device_rows("name,profile\ngw-1,pump\ngw-1,pump\n,pump\ngw-4\ngw-5,\"x\n", "");
    ASSERT_TRUE(rows.ok());
    const char* words[] = {"", "line 2 has it already", "it is empty", "1 cells", "not closed"};
    ASSERT_EQ(rows->size(), std::size(words));
    for (std::size_t i = 0; i < rows->size(); ++i) {
        const std::string& why = (*rows)[i].why;
        EXPECT_EQ(why.empty(), *words[i] == 0) << why;
        EXPECT_NE(why.find(words[i]), std::string::npos) << why;
    }
}

TEST(DeviceImport, a_header_that_is_not_understood_is_refused_with_what_is_meant) {
    for (const auto& [csv, words] : {std::pair{"name,profil\na,b\n", "did you mean 'profile'"},
                                     std::pair{"profile\npump\n", "want a column 'name'"},
                                     std::pair{"name\n", "no line follows"},
                                     std::pair{"name,label:\na,b\n", "no column 'label:'"}}) {
        const auto rows = device_rows(csv, "");
        ASSERT_FALSE(rows.ok()) << csv;
        EXPECT_NE(rows.error().message.find(words), std::string::npos) << rows.error().message;
    }
}

}  // namespace
}  // namespace mw::ctl
