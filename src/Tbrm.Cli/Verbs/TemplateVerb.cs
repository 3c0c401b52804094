using System;
using System.CommandLine;
using Tbrm.Core;
using Tbrm.Text;

namespace Tbrm.Cli.Verbs;

/// <summary><c>template (--tokenizer DIR | --template FILE) --in F --out F</c>: conversations to prompts.</summary>
internal sealed class TemplateVerb : IVerb
{
    public Command Create()
    {
        Option<string?> tokenizer = new("--tokenizer") { Description = "Folder whose chat template renders the rows." };
        Option<string?> template = new("--template") { Description = "A Jinja file, or qwen-math or deepseek-r1, instead." };
        Option<string> input = new("--in") { Description = "JSONL with messages, add_generation_prompt and variables; - is stdin.", Required = true };
        Option<string> output = new("--out") { Description = "Where the rows with text or error go; - is stdout.", Required = true };
        Command command = new("template", "Renders conversations with a chat template.") { tokenizer, template, input, output };
        command.SetAction(parsed =>
        {
            int errors = (parsed.GetValue(tokenizer), parsed.GetValue(template)) switch
            {
                (_, string file) => TemplateJob.Render(PromptTemplate.FileOrNamed(file), parsed.GetValue(input)!, parsed.GetValue(output)!),
                (string folder, null) => TemplateJob.Render(ChatTemplate.Load(folder), parsed.GetValue(input)!, parsed.GetValue(output)!),
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
}
