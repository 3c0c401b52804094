using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Text.Chat;
using Tbrm.Jinja;

namespace Tbrm.Training.Prompts;

/// <summary>Reads <c>data.apply_chat_template_kwargs</c>.</summary>
public static class TemplateKwargs
{
    private const string Key = "data.apply_chat_template_kwargs";

    /// <summary>What the engine gives every template itself.</summary>
    private static readonly string[] s_own = ["messages", "add_generation_prompt", "continue_final_message"];

    /// <summary>The variables of a configuration.</summary>
    /// <exception cref="ConfigException">One is the engine's own.</exception>
    public static TemplateVariables Of(DataConfig config)
    {
        System.ArgumentNullException.ThrowIfNull(config);
        return Of(config.ApplyChatTemplateKwargs);
    }

    /// <summary>The variables of a map: JSON where a value is JSON, True, False and None as Python writes them, text
    /// otherwise.</summary>
    /// <exception cref="ConfigException">One is the engine's own.</exception>
    public static TemplateVariables Of(IReadOnlyDictionary<string, string> map)
    {
        System.ArgumentNullException.ThrowIfNull(map);
        JsonObject variables = [];
        foreach ((string name, string value) in map)
        {
            variables[name] = s_own.Contains(name)
                ? throw new ConfigException($"{Key}.{name}: the engine sets '{name}' itself") : Value(value);
        }

        return TemplateVariables.Of(variables);
    }

    /// <summary>Refuses names that a template does not read.</summary>
    /// <exception cref="ConfigException">It does not read one.</exception>
    internal static void Check(TemplateVariables variables, PromptTemplate template)
    {
        if (variables.IsEmpty)
        {
            return;
        }

        try
        {
            IReadOnlySet<string> read = template.ReadNames();
            foreach (string name in variables.Names().Where(name => name != "chat_template" && !read.Contains(name)))
            {
                throw new ConfigException(
                    $"{Key}.{name}: the chat template reads no variable '{name}'{NearestName.Hint(name, read)}");
            }
        }
        catch (JinjaException)
        {
            // Rendering says what is wrong with it.
        }
    }

    private static JsonNode? Value(string text)
    {
        switch (text)
        {
            case "True":
                return true;
            case "False":
                return false;
            case "None" or "":
                return null;
            default:
                break;
        }

        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return text;
        }
    }
}
