using System;
using System.Collections.Generic;
using System.CommandLine;
using Tbrm.Core.Errors;
using Tbrm.Core.Prompts;
using Tbrm.Text.Chat;
using Tbrm.Training.Prompts;
using Tbrm.Training.Sessions;

namespace Tbrm.Cli.Verbs;

/// <summary><c>template (--tokenizer DIR | --template FILE) --in F --out F</c>: conversations to prompts.</summary>
internal sealed class TemplateVerb : IVerb
{
    public Command Create()
    {
        Option<string?> tokenizer =
            new("--tokenizer")
            {
                Description = "Folder whose chat template renders the rows; or a run",
                HelpName = "DIR"
            };
        Option<string?> template =
            new("--template") { Description = "A Jinja file, or qwen-math or deepseek-r1, instead", HelpName = "FILE" };
        Option<string> input =
            new("--in")
            {
                Description = "JSONL with messages, add_generation_prompt and variables; - is stdin",
                HelpName = "FILE",
                Required = true
            };
        Option<string> output =
            new("--out")
            {
                Description = "Where the rows with text or error go; - is stdout",
                HelpName = "FILE",
                Required = true
            };
        Option<string[]> variables = new("--set")
        {
            Description = "A variable for all rows "
            + "(enable_thinking=false), as data.apply_chat_template_kwargs; a row's own win",
            HelpName = "NAME=VALUE",
        };
        Command command = new(
            "template", "Renders conversations with a chat template") { tokenizer, template, input, output,
            variables };
        command.SetAction(parsed =>
        {
            TemplateVariables given = Variables(parsed.GetValue(variables) ?? []);
            int errors = (parsed.GetValue(tokenizer), parsed.GetValue(template)) switch
            {
                (_, string file) =>
                    TemplateJob.Render(PromptTemplate.FileOrNamed(file), given, parsed.GetValue(input)!,
                    parsed.GetValue(output)!),
                (string folder, null) =>
                    TemplateJob.Render(ChatTemplate.Load(RunModels.Companions(folder, Warn)), given,
                    parsed.GetValue(input)!, parsed.GetValue(output)!),
                _ => throw new ConfigException("template needs --tokenizer DIR or --template FILE"),
            };
            if (errors > 0)
            {
                Console.Error.WriteLine($"template: {errors} rows got an error");
            }

            return (int)ExitCode.Ok;
        });
        return command;
    }

    private static void Warn(string text) => Console.Error.WriteLine($"tbrm-native: {text}");

    private static TemplateVariables Variables(string[] arguments)
    {
        Dictionary<string, string> map = [];
        foreach (string argument in arguments)
        {
            int equals = argument.IndexOf('=', StringComparison.Ordinal);
            map[equals > 0 ? argument[..equals]
                : throw new ConfigException(
                $"--set {argument}: expected NAME=VALUE (enable_thinking=false)")] = argument[(equals + 1)..];
        }

        return TemplateKwargs.Of(map);
    }
}
