#include "apps/ctl/completion.h"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "data/registry/registry.h"

namespace mw::ctl {
namespace {

struct Place {
    std::string path;     // " usecase list"
    std::string verbs;    // that may follow
    std::string options;  // that it takes
    bool takes_kind = false;
};

void gather(const CLI::App& app, const std::string& path, std::vector<Place>& places) {
    Place place;
    place.path = path;
    for (const auto* option : app.get_options()) {
        for (const auto& name : option->get_lnames()) place.options += " --" + name;
        for (const auto& name : option->get_snames()) place.options += " -" + name;
        place.takes_kind |= option->get_positional() && option->get_name(true) == "kind";
    }
    std::vector<const CLI::App*> below;
    for (const auto* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
        if (sub->get_name().empty()) continue;
        place.verbs += " " + sub->get_name();
        below.push_back(sub);
    }
    places.push_back(std::move(place));
    for (const auto* sub : below) gather(*sub, path + " " + sub->get_name(), places);
}

std::string kind_words() {
    std::string words;
    for (const auto& kind : registry::kinds()) words += " " + kind.plural;
    return words;
}

std::string trimmed(const std::string& words) { return words.empty() ? words : words.substr(1); }

std::string bash_script(const CLI::App& app) {
    std::vector<Place> places;
    gather(app, "", places);
    std::string steps, cases;
    for (const auto& place : places) {
        if (!place.path.empty()) steps += (steps.empty() ? "" : "|") + ("\"" + place.path + "\"");
        const auto words = place.verbs + (place.takes_kind ? kind_words() : "");
        cases += "    \"" + place.path + "\")\n      words=\"" + trimmed(words) +
                 "\"\n      options=\"" + trimmed(place.options) + "\"\n      ;;\n";
    }
    return "# eval \"$(millwright completion bash)\"\n"
           "_millwright() {\n"
           "  local current=\"${COMP_WORDS[COMP_CWORD]}\" place=\"\" words=\"\" options=\"\" i\n"
           "  for ((i = 1; i < COMP_CWORD; ++i)); do\n"
           "    case \"$place ${COMP_WORDS[i]}\" in\n"
           "    " +
           steps +
           ") place=\"$place ${COMP_WORDS[i]}\" ;;\n"
           "    esac\n"
           "  done\n"
           "  case \"$place\" in\n" +
           cases +
           "  esac\n"
           "  if [[ \"$current\" == -* ]]; then words=\"$options\"; fi\n"
           "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
           "}\n"
           "complete -o default -F _millwright millwright\n";
}

}  // namespace

Result<std::string> completion_script(const CLI::App& app, const std::string& shell) {
    if (shell == "bash") return bash_script(app);
    if (shell == "zsh")
        return "#compdef millwright\nautoload -Uz bashcompinit && bashcompinit\n" +
               bash_script(app);
    return Error{Errc::invalid_input, "no completion for '" + shell + "' (want bash or zsh)"};
}

}  // namespace mw::ctl
