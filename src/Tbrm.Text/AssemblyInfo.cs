using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Tbrm.Text.Tests")]
[assembly: InternalsVisibleTo("Tbrm.Fuzz")]
