using System.Collections.Generic;

namespace Tbrm.Jinja.Syntax;

/// <summary>The tokens of a template, read one after the other.</summary>
internal sealed class TokenStream(List<Token> tokens)
{
    private int _index;

    /// <summary>The token that is next.</summary>
    public Token Current => tokens[_index];

    /// <summary>The one after it.</summary>
    public Token Ahead => tokens[_index + 1 < tokens.Count ? _index + 1 : _index];

    /// <summary>Takes the current token.</summary>
    public Token Next()
    {
        Token token = tokens[_index];
        if (token.Kind != TokenKind.End)
        {
            _index++;
        }

        return token;
    }

    /// <summary>Takes the current token when it is this operator.</summary>
    public bool Skip(string text)
    {
        bool found = Current.IsOperator(text);
        if (found)
        {
            _index++;
        }

        return found;
    }

    /// <summary>Takes the current token when it is this name.</summary>
    public bool SkipName(string name)
    {
        bool found = Current.IsName(name);
        if (found)
        {
            _index++;
        }

        return found;
    }

    /// <summary>Takes an operator that must be there.</summary>
    public void Expect(string text)
    {
        if (!Skip(text))
        {
            throw Unexpected($"'{text}'");
        }
    }

    /// <summary>Takes a token of a kind that must be there.</summary>
    public Token Expect(TokenKind kind)
    {
        return Current.Kind == kind ? Next()
            : throw Unexpected(new Token(kind, kind == TokenKind.Name ? "name" : "", 0).Describe());
    }

    /// <summary>Takes a keyword that must be there.</summary>
    public void ExpectName(string name)
    {
        if (!SkipName(name))
        {
            throw Unexpected($"'{name}'");
        }
    }

    /// <summary>A complaint about the current token.</summary>
    public JinjaException Unexpected(string expected) =>
        new($"expected {expected}, found {Current.Describe()}", Current.Line);
}
