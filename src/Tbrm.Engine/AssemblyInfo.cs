using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Tbrm.Engine.Tests")]
