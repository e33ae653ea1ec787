#include "apps/ctl/completion.h"

#include <gtest/gtest.h>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdio>

#include "apps/ctl/command.h"
#include "platform/files/files.h"

namespace mw::ctl {
namespace {

// What bash offers for a line whose last word is still being written.
std::string offered(const std::string& script, const std::vector<std::string>& words) {
    auto folder = *files::TemporaryDirectory::make();
    const auto path = folder.path() + "/complete.sh";
    std::string line;
    for (const auto& word : words) line += " '" + word + "'";
    EXPECT_TRUE(write_file(path, script + "COMP_WORDS=(" + line +
                                     ")\nCOMP_CWORD=" + std::to_string(words.size() - 1) +
                                     "\n_millwright\necho \"${COMPREPLY[*]}\"\n"));
    std::FILE* pipe = popen(("bash --norc '" + path + "' 2>&1").c_str(), "r");
    std::string out;
    char buffer[4096];
    for (std::size_t got; (got = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
        out.append(buffer, got);
    EXPECT_EQ(pclose(pipe), 0) << out;
    while (!out.empty() && out.back() == '\n') out.pop_back();
    return out;
}

class Completion : public testing::Test {
 public:
    Completion() {
        app.require_subcommand(1);
        add_resource_verbs(app, context);
        add_usecase_verbs(app, context);
        add_approve_verbs(app, context);
        add_user_verbs(app, context);
        add_mqtt_verbs(app, context);
        add_history_verbs(app, context);
        add_load_verbs(app, context);
        add_teaching_verbs(app, context);
        script = *completion_script(app, "bash");
    }
    CLI::App app{"millwright"};
    Context context;
    std::string script;
};

TEST_F(Completion, is_taken_by_bash_and_completes) {
    const std::pair<std::vector<std::string>, const char*> cases[] = {
        {{"millwright", "des"}, "describe"},
        {{"millwright", "use"}, "usecase user"},
        {{"millwright", "usecase", "r"}, "rank"},
        {{"millwright", "get", "roll"}, "rollouts"},
        {{"millwright", "describe", "use"}, "use-cases users"},
        {{"millwright", "approve", "--re"}, "--reject --reason"},
        {{"millwright", "usecase", "kpi", "--n"}, "--now"},
        {{"millwright", "mqtt", "s"}, "subscriptions"},
        {{"millwright", "history", "d"}, "delete"},
        {{"millwright", "mqtt", "trace", "--c"}, "--client --count"},
        {{"millwright", "load", "mqtt", "--pa"}, "--payload"},
        {{"millwright", "no-such-verb", "x"}, ""},
    };
    for (const auto& [words, wanted] : cases)
        EXPECT_EQ(offered(script, words), wanted) << words.back();
}

TEST_F(Completion, has_a_form_for_zsh_and_refuses_others) {
    EXPECT_TRUE(completion_script(app, "zsh")->starts_with("#compdef millwright\n"));
    EXPECT_EQ(completion_script(app, "fish").error().code, Errc::invalid_input);
}

TEST(Kinds, are_called_by_kind_plural_and_singular) {
    for (const auto* text : {"UseCase", "use-cases", "use-case", "usecase"})
        EXPECT_EQ(*plural_of(text), "use-cases") << text;
    EXPECT_EQ(*plural_of("device"), "devices");
    const auto wrong = plural_of("rollouds");
    ASSERT_FALSE(wrong);
    EXPECT_NE(wrong.error().message.find("did you mean 'rollouts'?"), std::string::npos);
}

}  // namespace
}  // namespace mw::ctl
