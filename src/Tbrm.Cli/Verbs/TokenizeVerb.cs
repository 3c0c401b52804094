using System;
using System.CommandLine;
using Tbrm.Core.Errors;
using Tbrm.Text.Tokenizers;
using Tbrm.Training.Sessions;

namespace Tbrm.Cli.Verbs;

/// <summary><c>tokenize --tokenizer DIR --in F --out F [--decode]</c>: text to ids, or ids to text.</summary>
internal sealed class TokenizeVerb : IVerb
{
    public Command Create()
    {
        Option<string> tokenizer =
            new("--tokenizer")
            {
                Description = "Folder with tokenizer.json, vocab.json and merges.txt, tokenizer.model, *.tiktoken "
                    + "or vocab.txt; or a run",
                HelpName = "DIR",
                Required = true
            };
        Option<string> input =
            new("--in") { Description = "JSONL with text (or ids); - is stdin", HelpName = "FILE", Required = true };
        Option<string> output =
            new("--out")
            {
                Description = "Where the rows with ids (or text) go; - is stdout",
                HelpName = "FILE",
                Required = true
            };
        Option<bool> decode = new("--decode") { Description = "From ids to text" };
        Command command = new("tokenize", "Turns text into token ids, or back") { tokenizer, input, output, decode };
        command.SetAction(parsed =>
        {
            ITokenizer loaded = Tokenizer.Load(RunModels.Companions(parsed.GetValue(tokenizer)!, Warn));
            if (parsed.GetValue(decode))
            {
                TokenizeJob.Decode(loaded, parsed.GetValue(input)!, parsed.GetValue(output)!);
            }
            else
            {
                TokenizeJob.Encode(loaded, parsed.GetValue(input)!, parsed.GetValue(output)!);
            }

            return (int)ExitCode.Ok;
        });
        return command;
    }

    private static void Warn(string text) => Console.Error.WriteLine($"tbrm-native: {text}");
}
