using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Tbrm.Core.Errors;
using Tbrm.Core.Files;
using Tbrm.Text.Tokenizers.Formats;
using Tbrm.Text.Json;

namespace Tbrm.Text.Tokenizers;

/// <summary>The files of a tokenizer as they were read, so that saving gives them back byte for byte.</summary>
internal sealed class TokenizerFiles
{
    private static readonly string[] s_names =
    [
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
            "merges.txt",
        "tokenizer.model", "vocab.txt", "chat_template.jinja", "chat_template.json",
    ];

    private readonly SortedDictionary<string, byte[]> _contents = new(StringComparer.Ordinal);

    /// <summary>Files that exist in memory only.</summary>
    /// <param name="origin">How messages call the place that they come from.</param>
    public TokenizerFiles(string origin)
    {
        Origin = origin;
    }

    /// <summary>The folder, for messages.</summary>
    public string Origin { get; }

    /// <summary>Reads the files of a tokenizer that are in <paramref name="folder"/>.</summary>
    public static TokenizerFiles Read(string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new DataException(
                $"{folder}: expected a folder with a tokenizer, found {(File.Exists(folder) ? "a file" : "nothing")}");
        }

        TokenizerFiles files = new(folder);
        try
        {
            foreach (string name in s_names.Where(name => File.Exists(Path.Combine(folder, name))))
            {
                files.Set(name, File.ReadAllBytes(Path.Combine(folder, name)));
            }

            foreach (string path in Directory.GetFiles(folder, "*" + TiktokenReader.Extension))
            {
                files.Set(Path.GetFileName(path), File.ReadAllBytes(path));
            }

            string templates = Path.Combine(folder, "additional_chat_templates");
            foreach (string path in Directory.Exists(templates) ? Directory.GetFiles(templates, "*.jinja") : [])
            {
                files.Set("additional_chat_templates/" + Path.GetFileName(path), File.ReadAllBytes(path));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataException($"{folder}: the tokenizer cannot be read: {e.Message}", e);
        }

        return files;
    }

    /// <summary>Whether a folder holds a file with a vocabulary.</summary>
    public static bool HoldVocabulary(string folder)
    {
        string[] vocabularies = ["tokenizer.json", "vocab.json", "tokenizer.model", "vocab.txt"];
        return vocabularies.Any(name => File.Exists(Path.Combine(folder, name)))
            || Directory.EnumerateFiles(folder, "*" + TiktokenReader.Extension).Any();
    }

    /// <summary>The names in use, sorted.</summary>
    public IEnumerable<string> Names => _contents.Keys;

    /// <summary>Sets the content of a file.</summary>
    public void Set(string name, byte[] content) => _contents[name] = content;

    /// <summary>The content of a file; false when it is not there.</summary>
    public bool TryGet(string name, out byte[] content) => _contents.TryGetValue(name, out content!);

    /// <summary>The content of a JSON file; false when it is not there.</summary>
    public bool TryGetJson(string name, out JsonView view)
    {
        bool found = TryGet(name, out byte[] content);
        view = found ? JsonView.Parse(content, Locate(name)) : default;
        return found;
    }

    /// <summary>How messages call a file.</summary>
    public string Locate(string name) => Path.Combine(Origin, name);

    /// <summary>Writes all files. Each appears complete under its name or not at all.</summary>
    public void Write(string folder)
    {
        foreach ((string name, byte[] content) in _contents)
        {
            string path = Path.Combine(folder, name);
            string temporary = path + ".tmp";
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using (FileStream stream = File.Create(temporary))
            {
                stream.Write(content);
                DiskSync.Sync(stream);
            }

            File.Move(temporary, path, overwrite: true);
        }
    }
}
