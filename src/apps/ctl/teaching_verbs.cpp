// explain, completion: what the program knows about itself, without a hub.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>

#include "apps/ctl/command.h"
#include "apps/ctl/completion.h"
#include "data/registry/registry.h"

namespace mw::ctl {
namespace {

struct ExplainArguments {
    std::string what;
    bool markdown = false;
};

Result<> explain(const ExplainArguments& a) {
    if (a.markdown) return std::cout << registry::kinds_markdown(), Result<>{};
    if (a.what.empty()) {
        for (const auto& kind : registry::kinds())
            std::cout << kind.name << "  (" << kind.plural << ")  " << kind.description << "\n";
        return {};
    }
    const auto dot = std::min(a.what.find('.'), a.what.size());
    TRY(const std::string plural, plural_of(a.what.substr(0, dot)));
    TRY(const std::string text, registry::explain(*registry::find_plural(plural),
                                                  a.what.substr(std::min(dot + 1, a.what.size()))));
    std::cout << text;
    return {};
}

}  // namespace

void add_teaching_verbs(CLI::App& app, Context& context) {
    auto* sub = app.add_subcommand("explain", "the keys of a kind: types, bounds, meaning");
    auto a = std::make_shared<ExplainArguments>();
    sub->add_option("kind", a->what, "a kind, or a part as UseCase.spec.kpis; default: all kinds");
    sub->add_flag("--markdown", a->markdown, "every kind as docs/kinds.md");
    sub->footer("Example:\n  millwright explain rollout.spec.guardrails");
    sub->callback([&context, a] { context.run([&] { return explain(*a); }); });

    auto* complete = app.add_subcommand("completion", "a script that completes verbs in a shell");
    auto shell = std::make_shared<std::string>();
    complete->add_option("shell", *shell, "bash or zsh")->required();
    complete->footer("Example:\n  eval \"$(millwright completion bash)\"");
    complete->callback([&context, shell, &app] {
        context.run([&]() -> Result<> {
            TRY(const std::string script, completion_script(app, *shell));
            std::cout << script;
            return {};
        });
    });
}

}  // namespace mw::ctl
